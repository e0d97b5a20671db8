/* Largest and smallest values.  A pass leaves partial results, all of them maxima (the least of something as the
 * greatest of its negative), one per plane and part; `thin` and `settle` bring them down to a few numbers per
 * member.  A maximum does not depend on the order, so neither do the bits.
 *
 *   cells  [member][CELL_ROWS][plane][part]        an error, then minus the least and the greatest of every species
 *   fine   [member][FINE_ROWS][part]          an error, then minus least c, minus least b and greatest b
 *                                             of every refined buffer on its sub-cells
 */
#define CELL_ROWS (1 + 2 * SPECIES)
#define FINE_ROWS (1 + 3 * REFINED)

/* Least and greatest c of every ion and b of every other species. */
KERNEL extremes(int first, int last, int nz, wide area, wide size, const real *y, const real *near, real *partial) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, z = plane - m * nz;
        real *to = partial + (((wide)m * CELL_ROWS) * nz + z) * PARTS + PART;
        to[0] = 0;
        for (int s = 0; s < SPECIES; ++s) {
            const real *value = y + m * size + s * cells + z * area;
            real lo = (real)LARGE, hi = (real)-LARGE;
            if (s < IONS) {
                const real *field = near + ((wide)m * IONS + s) * cells + z * area;
                FOR_EACH_MIN_MAX(n, area, lo, hi) {
                    const real c = value[n] + field[n];
                    lo = c < lo ? c : lo;
                    hi = c > hi ? c : hi;
                }
            } else {
                FOR_EACH_MIN_MAX(n, area, lo, hi) {
                    lo = value[n] < lo ? value[n] : lo;
                    hi = value[n] > hi ? value[n] : hi;
                }
            }
            to[(1 + 2 * s) * nz * PARTS] = -lo;
            to[(2 + 2 * s) * nz * PARTS] = hi;
        }
    }
}

/* The same on sub-cells. */
KERNEL extremes_refined(int first, int last, wide cells, wide size, const real *y, const real *near, const real *ripple,
                        int count, const wide *cell, real *partial) {
#if REFINED > 0
    FOR_EACH_PLANE(m, first, last) {
        real *to = partial + (wide)m * FINE_ROWS * PARTS + PART;
        to[0] = 0;
        for (int r = 0; r < REFINED; ++r) {
            const int i = BINDS(REFINES(r));
            const real *u = y + m * size + i * cells, *field = near + ((wide)m * IONS + i) * cells;
            const real *wave = ripple + ((wide)m * IONS + i) * count * SUB;
            const real *b = y + m * size + SPECIES * cells + (wide)r * count * SUB;
            real least = (real)LARGE, lo = (real)LARGE, hi = (real)-LARGE;
            FOR_EACH_SUB_CELL(k, q, count) {
                const real c = u[cell[k]] + field[cell[k]] + wave[k * SUB + q], bound = b[k * SUB + q];
                least = c < least ? c : least;
                lo = bound < lo ? bound : lo;
                hi = bound > hi ? bound : hi;
            }
            to[(1 + 3 * r) * PARTS] = -least;
            to[(2 + 3 * r) * PARTS] = -lo;
            to[(3 + 3 * r) * PARTS] = hi;
        }
    }
#endif
}

INLINE real size_of(real a) { return a < 0 ? -a : a; }

/* |error| over rtol max(|old|, |new|) + atol; a value that is not a number counts as huge. */
INLINE real ratio(real error, real old, real now, real rtol, real atol) {
    const real before = size_of(old), after = size_of(now);
    const real r = size_of(error) / (rtol * (before > after ? before : after) + atol);
    return r <= (real)LARGE ? r : (real)LARGE;
}

/* Largest ratio: worst [member][plane][part]; plane nz is the sub-cells. */
KERNEL worst_ratio(int first, int last, int nz, wide area, wide size, wide tail, const real *error, const real *old,
            const real *now, const real *near_old, const real *near_now, double rtol, double atol_ion, double atol_buffer,
            real *worst) {
    const wide cells = area * nz;
    const real relative = (real)rtol;
    FOR_EACH_PLANE(plane, first * (nz + 1), last * (nz + 1)) {
        const int m = plane / (nz + 1), z = plane - m * (nz + 1);
        real none = 0, most = 0;
        if (z < nz) {
            for (int s = 0; s < SPECIES; ++s) {
                const wide at = m * size + s * cells + z * area;
                const real *e = error + at, *before = old + at, *after = now + at;
                if (s < IONS) {
                    const wide field = ((wide)m * IONS + s) * cells + z * area;
                    const real *near0 = near_old + field, *near1 = near_now + field;
                    FOR_EACH_MIN_MAX(n, area, none, most) {
                        const real r = ratio(e[n], before[n] + near0[n], after[n] + near1[n], relative, (real)atol_ion);
                        most = r > most ? r : most;
                    }
                } else {
                    FOR_EACH_MIN_MAX(n, area, none, most) {
                        const real r = ratio(e[n], before[n], after[n], relative, (real)atol_buffer);
                        most = r > most ? r : most;
                    }
                }
            }
        } else {
            const wide at = m * size + SPECIES * cells;
            FOR_EACH_MIN_MAX(n, tail, none, most) {
                const real r = ratio(error[at + n], old[at + n], now[at + n], relative, (real)atol_buffer);
                most = r > most ? r : most;
            }
        }
        (void)none;
        worst[(wide)plane * PARTS + PART] = most;
    }
}

/* Largest sum_j p_j + max_j q_j, over cells and sub-cells apart: fastest [member][plane][part]. */
KERNEL fastest(int first, int last, int nz, wide area, wide size, const double *params, const real *y, const real *near,
               real *out) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, z = plane - m * nz;
        const double *par = params + (wide)m * PARAMETERS;
        const real *state = y + m * size + z * area, *field = near + (wide)m * IONS * cells + z * area;
        real none = 0, most = 0;
        FOR_EACH_MIN_MAX(n, area, none, most) {
            real sum = 0, high = 0;
            UNROLLED
            for (int j = 0; j < BUFFERS; ++j) {
                const int i = BINDS(j);
                const real q = (real)K_ON(j) * (state[i * cells + n] + field[i * cells + n]) + (real)K_OFF(j);
                sum += (real)K_ON(j) * ((real)TOTAL(j) - state[AT(j) * cells + n]);
                high = q > high ? q : high;
            }
            most = sum + high > most ? sum + high : most;
        }
        (void)none;
        out[(wide)plane * PARTS + PART] = most;
    }
}

KERNEL fastest_refined(int first, int last, wide cells, wide size, const double *params, const real *y, const real *near,
                       const real *ripple, int count, const wide *cell, real *out) {
#if REFINED > 0
    FOR_EACH_PLANE(m, first, last) {
        const double *par = params + (wide)m * PARAMETERS;
        real most = 0;
        FOR_EACH_SERIALLY(k, count) {
            const wide n = cell[k];
            for (int q = 0; q < SUB; ++q) {
                real sum = 0, high = 0;
                for (int r = 0; r < REFINED; ++r) {
                    const int j = REFINES(r), i = BINDS(j);
                    const real c = y[m * size + i * cells + n] + near[((wide)m * IONS + i) * cells + n] +
                                   ripple[(((wide)m * IONS + i) * count + k) * SUB + q];
                    const real b = y[m * size + SPECIES * cells + ((wide)r * count + k) * SUB + q];
                    const real rate = (real)K_ON(j) * c + (real)K_OFF(j);
                    sum += (real)K_ON(j) * ((real)TOTAL(j) - b);
                    high = rate > high ? rate : high;
                }
                most = sum + high > most ? sum + high : most;
            }
        }
        out[(wide)m * PARTS + PART] = most;
    }
#endif
}

/* Partial results of every row [row][count] to fewer [row][part]. */
KERNEL thin(int first, int last, int count, const real *restrict partial, real *restrict out) {
    FOR_EACH_PLANE(row, first, last) {
        const real *from = partial + (wide)row * count;
        real most = (real)-LARGE;
        FOR_EACH_SERIALLY(n, count) most = from[n] > most ? from[n] : most;
        out[(wide)row * PARTS + PART] = most;
    }
}

/* Few partial results to numbers [member][rows + the rows of sub-cells but their first, the error]. */
KERNEL settle(int first, int last, int rows, int count, const real *cells, int rows_fine, int count_fine, const real *fine,
              real *out) {
    const int width = rows + (rows_fine > 1 ? rows_fine - 1 : 0);
    FOR_EACH_PLANE(m, first, last) {
        FOR_EACH_SERIALLY(q, width) {
            const real *from = cells + ((wide)m * rows + q) * count, *sub = fine + (wide)m * rows_fine * count_fine;
            real most = (real)-LARGE;
            if (q < rows) {
                UNROLLED
                for (int n = 0; n < count; ++n) most = from[n] > most ? from[n] : most;
            } else
                sub += (q - rows + 1) * count_fine;
            if (rows_fine && (q == 0 || q >= rows)) {
                UNROLLED
                for (int n = 0; n < count_fine; ++n) most = sub[n] > most ? sub[n] : most;
            }
            out[m * width + q] = most;
        }
    }
}
