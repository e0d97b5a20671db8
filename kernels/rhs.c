/* Right-hand side of the grid part, scaled, set or added to what is there.
 *
 *   out = scale F(y, near)  or  out += scale F(y, near)
 *   F_ion = D lap (u - rest) + kappa near - uptake (u + near - rest) - sum_j rate_j
 *   F_j   = D_j lap (b_j - rest) + rate_j,   rate_j = k_on (u + near) (total - b_j) - k_off b_j
 *
 * and what the network's reactions add to ions and forms.
 *
 * lap has five entries per axis and row; entries beyond a wall are 0, so any index inside will do.
 */

/* Neighbours of the cells of one row along y and z: offsets and entries, centre left out. */
typedef struct {
    wide y[4], z[4];
    real by[4], bz[4], centre_z, centre;
} Beside;

INLINE int inside(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

INLINE Beside beside_z(int z, int nz, int ny, int nx, const real *band_z) {
    Beside b;
    for (int k = 0; k < 4; ++k) {
        const int step = k < 2 ? k - 2 : k - 1;
        b.z[k] = (wide)(inside(z + step, nz) - z) * ny * nx;
        b.bz[k] = band_z[(step + 2) * nz + z];
    }
    b.centre_z = band_z[2 * nz + z];
    return b;
}

INLINE void beside_y(Beside *b, int y, int ny, int nx, const real *band_y) {
    for (int k = 0; k < 4; ++k) {
        const int step = k < 2 ? k - 2 : k - 1;
        b->y[k] = (wide)(inside(y + step, ny) - y) * nx;
        b->by[k] = band_y[(step + 2) * ny + y];
    }
    b->centre = band_y[2 * ny + y] + b->centre_z;
}

/* lap (u - rest) at the cell u points to; left2 to right2 lead to its neighbours along x. */
INLINE real laplacian(const real *u, real rest, const real *bx, int nx, wide left2, wide left1, wide right1, wide right2,
                      const Beside *b) {
    real sum = (bx[2 * nx] + b->centre) * (u[0] - rest);
    sum += bx[0] * (u[left2] - rest) + bx[nx] * (u[left1] - rest);
    sum += bx[3 * nx] * (u[right1] - rest) + bx[4 * nx] * (u[right2] - rest);
    sum += b->by[0] * (u[b->y[0]] - rest) + b->by[1] * (u[b->y[1]] - rest);
    sum += b->by[2] * (u[b->y[2]] - rest) + b->by[3] * (u[b->y[3]] - rest);
    sum += b->bz[0] * (u[b->z[0]] - rest) + b->bz[1] * (u[b->z[1]] - rest);
    sum += b->bz[2] * (u[b->z[2]] - rest) + b->bz[3] * (u[b->z[3]] - rest);
    return sum;
}

INLINE real binding(const double *par, int j, real c, real b) {
    return (real)K_ON(j) * c * ((real)TOTAL(j) - b) - (real)K_OFF(j) * b;
}

/* F at one cell, times scale. */
INLINE void change(wide cells, const double *par, real scale, const real *y, const real *near, const real *bx, int nx,
                   wide left2, wide left1, wide right1, wide right2, const Beside *b, int add, const real *folding,
                   const double *law, int staged, real *out) {
    real c[IONS], ion[IONS], folded[IONS];
    UNROLLED
    for (int i = 0; i < IONS; ++i) {
        const real *u = y + i * cells;
        c[i] = u[0] + near[i * cells];
        ion[i] = (real)DIFFUSION(i) * laplacian(u, (real)REST(i), bx, nx, left2, left1, right1, right2, b);
        folded[i] = 0;
        ion[i] += (real)KAPPA(i) * near[i * cells] - (real)UPTAKE(i) * (c[i] - (real)REST(i));
    }
    UNROLLED
    for (int j = 0; j < BUFFERS; ++j) {
        const int s = AT(j);
        const real *u = y + s * cells;
        const real rate = binding(par, j, c[BINDS(j)], u[0]);
        real moved = 0;
        if (s < MOBILE)
            moved = (real)DIFFUSION(s) * laplacian(u, (real)REST(s), bx, nx, left2, left1, right1, right2, b);
        const real value = (add ? out[s * cells] : 0) + scale * (moved + rate);
        out[s * cells] = value;
        ion[BINDS(j)] -= rate;
        if (s >= MOBILE) folded[BINDS(j)] += folding[j] * value;
    }
#if NETWORK
    real v[VALUES], made[VALUES], moves[IONS + CARRIED_FORMS], stays[STAYING_FORMS + 1], changes[VALUES];
    UNROLLED
    for (int i = 0; i < IONS; ++i) {
        v[i] = c[i];
        moves[i] = folded[i];
    }
    UNROLLED
    for (int k = 0; k < MOVING_FORMS; ++k) v[IONS + k] = y[MOVING_FORM(k) * cells];
    UNROLLED
    for (int k = 0; k < STAYING_FORMS; ++k) v[IONS + MOVING_FORMS + k] = y[STAYING_FORM(k) * cells];
    network_rates(law, v, made);
    UNROLLED
    for (int i = 0; i < IONS; ++i) ion[i] += made[i];
    UNROLLED
    for (int k = 0; k < CARRIED_FORMS; ++k) {
        const int s = MOVING_FORM(k);
        const real *u = y + s * cells;
        const real moved =
            (real)DIFFUSION(s) * laplacian(u, (real)REST(s), bx, nx, left2, left1, right1, right2, b);
        changes[IONS + k] = moved + made[IONS + k];
        moves[IONS + k] = (add ? out[s * cells] : 0) + scale * changes[IONS + k];
    }
    if (!staged) {
        network_follow(changes);
        UNROLLED
        for (int k = CARRIED_FORMS; k < MOVING_FORMS; ++k) {
            const int s = MOVING_FORM(k);
            out[s * cells] = (add ? out[s * cells] : 0) + scale * changes[IONS + k];
        }
    }
    UNROLLED
    for (int k = 0; k < STAYING_FORMS; ++k) {
        const int s = STAYING_FORM(k);
        stays[k] = (add ? out[s * cells] : 0) + scale * made[IONS + MOVING_FORMS + k];
        out[s * cells] = stays[k];
    }
    network_fold(folding + BUFFERS, stays, moves);
    UNROLLED
    for (int k = 0; k < CARRIED_FORMS; ++k) out[MOVING_FORM(k) * cells] = moves[IONS + k];
    UNROLLED
    for (int i = 0; i < IONS; ++i) folded[i] = moves[i];
#endif
    UNROLLED
    for (int i = 0; i < IONS; ++i) out[i * cells] = (add ? out[i * cells] : 0) + scale * ion[i] + folded[i];
}

#define CHANGE_AT(STAGED) { \
        const wide n = (wide)row * nx + x; \
        change(cells, par, factor, y + at + n, near + at_near + n, band_x + x, nx, left2, left1, right1, right2, \
               &b, add, folding, law, STAGED, out + at + n); \
    }

/* A few neighbouring cells of all species, to or from a place beside. */
INLINE void keep(wide cells, const real *out, real *kept) {
    for (int s = 0; s < SPECIES; ++s)
        for (int l = 0; l < LANES; ++l) kept[s * LANES + l] = out[s * cells + l];
}

INLINE void put_back(wide cells, const real *kept, real *out) {
    for (int s = 0; s < SPECIES; ++s)
        for (int l = 0; l < LANES; ++l) out[s * cells + l] = kept[s * LANES + l];
}

#define KEEP_END if (add) keep(cells, to_end + (wide)(row + 1) * nx, kept)
#define PUT_BACK_END if (add) put_back(cells, kept, to_end + (wide)(row + 1) * nx)

KERNEL rhs(int first, int last, int nz, int ny, int nx, wide size, const double *params, const double *scale,
           const real *band_x, const real *band_y, const real *band_z, const real *restrict y, const real *restrict near,
           int add, const double *bars, const double *laws, real *restrict out) {
    const wide area = (wide)ny * nx, cells = area * nz;
    FOR_EACH_SLAB(from, to, ny, nx) {
        FOR_EACH_PLANE(plane, first * nz, last * nz) {
            const int m = plane / nz, z = plane - m * nz;
            const double *par = params + (wide)m * PARAMETERS, *bar = bars + (wide)m * BARS;
            const wide at = m * size + z * area, at_near = (wide)m * IONS * cells + z * area;
            const real factor = (real)scale[m];
            /* For the diffusion solve, bound forms that do not move are eliminated in favour of their ion. */
            const double *law = laws + (wide)m * LAWS;
            real folding[BUFFERS + FOLDS + 1];
            for (int j = 0; j < BUFFERS; ++j) folding[j] = bars ? (real)(G * LEAST_Q(j) * STILL(j)) : 0;
#if NETWORK
            for (int k = 0; k < FOLDS; ++k) folding[BUFFERS + k] = bars ? NETBAR(FOLD_AT + k) : 0;
#endif
            real kept[SPECIES * LANES], *to_end = out + at - LANES;
            /* A solve does not ask for followers; two loops, for a question inside one costs its vectors. */
            if (FOLLOWERS == 0 || bars) {
                SWEEP(z, row, x, from, to, nz, ny, nx, KEEP_END, PUT_BACK_END, CHANGE_AT(1))
            } else {
                SWEEP(z, row, x, from, to, nz, ny, nx, KEEP_END, PUT_BACK_END, CHANGE_AT(0))
            }
        }
    }
}

/* The same in refined cells: sub-cells have rates of their own, the cell gets their mean.  Runs after
 * `rhs` and replaces what it did with the cell's average. */
KERNEL rhs_refined(int first, int last, int nz, int ny, int nx, wide size, const double *params, const double *scale,
                   const real *band_x, const real *band_y, const real *band_z, const real *y, const real *near,
                   const real *ripple, int count, const wide *cell, const real *mixing, int add,
                   const double *bars, real *out) {
#if REFINED > 0
    const wide area = (wide)ny * nx, cells = area * nz;
    FOR_EACH_PLANE(m, first, last) {
        const double *par = params + (wide)m * PARAMETERS;
        const real factor = (real)scale[m];
        FOR_EACH_SERIALLY(k, count) {
            const wide n = cell[k];
            const int z = (int)(n / area), row = (int)((n - z * area) / nx), x = (int)(n - z * area - (wide)row * nx);
            Beside b = beside_z(z, nz, ny, nx, band_z);
            beside_y(&b, row, ny, nx, band_y);
            for (int r = 0; r < REFINED; ++r) {
                const int j = REFINES(r), s = AT(j), i = BINDS(j);
                const wide fine = m * size + SPECIES * cells + ((wide)r * count + k) * SUB;
                const real here = y[m * size + i * cells + n] + near[((wide)m * IONS + i) * cells + n];
                const real *average = y + m * size + s * cells + n;
                real moved = 0;
                if (s < MOBILE)
                    moved = (real)DIFFUSION(s) * laplacian(average, (real)REST(s), band_x + x, nx, inside(x - 2, nx) - x,
                                                           inside(x - 1, nx) - x, inside(x + 1, nx) - x,
                                                           inside(x + 2, nx) - x, &b);
                const real *wave = ripple + (((wide)m * IONS + i) * count + k) * SUB;
                const real even = s < MOBILE ? mixing[(wide)r * count + k] : 0;
                real sum = 0, mean = 0;
                if (s < MOBILE) {
                    for (int q = 0; q < SUB; ++q) mean += y[fine + q];
                    mean /= SUB;
                }
                for (int q = 0; q < SUB; ++q) {
                    const real rate = binding(par, j, here + wave[q], y[fine + q]);
                    out[fine + q] = (add ? out[fine + q] : 0) + factor * (rate + moved - even * (y[fine + q] - mean));
                    sum += rate;
                }
                const real more = factor * (sum / SUB - binding(par, j, here, average[0]));
                real to_ion = -more;
                if (bars && s >= MOBILE) {
                    const double *bar = bars + (wide)m * BARS;
                    to_ion += (real)(G * LEAST_Q(j) * STILL(j)) * more;
                }
                out[m * size + s * cells + n] += more;
                /* The solve takes sub-cells as deviations from their mean. */
                if (bars)
                    for (int q = 0; q < SUB; ++q) out[fine + q] -= out[m * size + s * cells + n];
                out[m * size + i * cells + n] += to_ion;
            }
        }
    }
#endif
}
