/* The channels' analytic field: patch[z, y, x] += sum_q w_q zy[z y, q] x[q, x], its ripple in refined
 * cells, and the blobs that older flux leaves.
 *
 * A use is (member, site, pair); a site is a row of SITE numbers, see the macros.
 */
#define SITE 12
#define ION_OF(s) (site[(s) * SITE])
#define Z_FROM(s) (site[(s) * SITE + 1])
#define Y_FROM(s) (site[(s) * SITE + 2])
#define X_FROM(s) (site[(s) * SITE + 3])
#define Y_COUNT(s) (site[(s) * SITE + 4])
#define X_COUNT(s) (site[(s) * SITE + 5])
#define ROWS(s) (site[(s) * SITE + 6])
#define ZY_AT(s) (site[(s) * SITE + 7])
#define X_AT(s) (site[(s) * SITE + 8])
#define RIPPLE_AT(s) (site[(s) * SITE + 9])
#define CELLS_AT(s) (site[(s) * SITE + 10])
#define CELL_COUNT(s) (site[(s) * SITE + 11])
/* Rows of x are padded with zeros to this many cells. */
#define PAD 16
#define PADDED(n) (((n) + PAD - 1) / PAD * PAD)

/* Weights that are not 0: before a channel opens, and long after it closed, there are none. */
typedef struct {
    int from, to;
} Range;

INLINE Range used(const double *w, int nodes) {
    Range r = {0, nodes};
    while (r.from < r.to && w[r.from] == 0) ++r.from;
    while (r.to > r.from && w[r.to - 1] == 0) --r.to;
    return r;
}

KERNEL near_patch(int first, int last, int nz, int ny, int nx, const wide *use, const wide *site, int nodes,
                  const double *weights, const real *zy, const real *across, real *near) {
    const wide area = (wide)ny * nx, cells = area * nz;
    FOR_EACH_USE(p, first, last) {
        const wide m = use[3 * p], s = use[3 * p + 1];
        const double *w = weights + use[3 * p + 2] * nodes;
        const Range range = used(w, nodes);
        if (range.from == range.to) continue;
        const wide rows = ROWS(s), count = X_COUNT(s), stride = PADDED(count), turns = (count + LANES - 1) / LANES;
        const real *along_zy = zy + ZY_AT(s), *along_x = across + X_AT(s);
        FOR_EACH_SERIALLY(n, rows * turns) {
            const wide row = n / turns, x = (n - row * turns) * LANES;
            const real *factor = along_zy + row * (nodes + 1);
            lanes sum = ZERO;
            for (int q = range.from; q < range.to; ++q)
                sum += (real)w[q] * factor[q] * *(const lanes *)(along_x + q * stride + x);
            const wide z = row / Y_COUNT(s), y = row - z * Y_COUNT(s);
            real *to = near + (m * IONS + ION_OF(s)) * cells + (Z_FROM(s) + z) * area + (Y_FROM(s) + y) * nx + X_FROM(s);
            for (int l = 0; l < LANES; ++l)
                if (x + l < count) to[x + l] += LANE(sum, l);
        }
    }
}

KERNEL near_ripple(int first, int last, const wide *use, const wide *site, int nodes, const double *weights, int count,
                   const wide *slot, const real *table, real *ripple) {
    FOR_EACH_USE(p, first, last) {
        const wide m = use[3 * p], s = use[3 * p + 1], length = CELL_COUNT(s) * SUB;
        const double *w = weights + use[3 * p + 2] * nodes;
        const Range range = used(w, nodes);
        if (range.from == range.to) continue;
        FOR_EACH_SERIALLY(n, length / LANES) {
            lanes sum = ZERO;
            for (int q = range.from; q < range.to; ++q)
                sum += (real)w[q] * *(const lanes *)(table + RIPPLE_AT(s) + q * length + n * LANES);
            const wide k = n * LANES / SUB;
            real *to = ripple + ((m * IONS + ION_OF(s)) * count + slot[CELLS_AT(s) + k]) * SUB + (n * LANES - k * SUB);
            *(lanes *)to += sum;
        }
    }
}

/* Add scale[m] amount[pair] times the kernel at age tau (the last row of a site's tables) to the ion. */
KERNEL blobs(int first, int last, int nz, int ny, int nx, wide size, const wide *use, const wide *site, int nodes,
             const double *amount, const double *scale, const real *zy, const real *across, real *out) {
    const wide area = (wide)ny * nx, cells = area * nz;
    FOR_EACH_USE(p, first, last) {
        const wide m = use[3 * p], s = use[3 * p + 1];
        const wide rows = ROWS(s), count = X_COUNT(s), turns = (count + LANES - 1) / LANES;
        const real *along_zy = zy + ZY_AT(s) + nodes, *along_x = across + X_AT(s) + nodes * PADDED(count);
        const real value = (real)(amount[use[3 * p + 2]] * scale[m]);
        if (value == 0) continue;
        FOR_EACH_SERIALLY(n, rows * turns) {
            const wide row = n / turns, x = (n - row * turns) * LANES, z = row / Y_COUNT(s), y = row - z * Y_COUNT(s);
            const real a = value * along_zy[row * (nodes + 1)];
            real *to = out + m * size + ION_OF(s) * cells + (Z_FROM(s) + z) * area + (Y_FROM(s) + y) * nx + X_FROM(s);
            for (int l = 0; l < LANES; ++l)
                if (x + l < count) to[x + l] += a * along_x[x + l];
        }
    }
}
