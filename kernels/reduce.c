/* Largest and smallest values, one partial result per plane (and thread); the last step is a maximum
 * over few numbers.  A maximum does not depend on the order, so neither do the bits. */

/* Least and greatest c of every ion and b of every buffer: low, high [member][plane][part][species]. */
KERNEL extremes(int first, int last, int nz, wide area, wide size, const real *y, const real *near, real *low, real *high) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, z = plane - m * nz;
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
            low[((wide)plane * PARTS + PART) * SPECIES + s] = lo;
            high[((wide)plane * PARTS + PART) * SPECIES + s] = hi;
        }
    }
}

/* On sub-cells: least c, least b, greatest b of every refined buffer: out [member][part][refined][3]. */
KERNEL extremes_refined(int first, int last, wide cells, wide size, const real *y, const real *near, const real *ripple,
                        int count, const wide *cell, real *out) {
#if REFINED > 0
    FOR_EACH_PLANE(m, first, last) {
        for (int r = 0; r < REFINED; ++r) {
            const int i = BINDS(REFINES(r));
            real c = (real)LARGE, lo = (real)LARGE, hi = (real)-LARGE;
            FOR_EACH_SERIALLY(k, count) {
                const wide n = cell[k];
                const real here = y[m * size + i * cells + n] + near[((wide)m * IONS + i) * cells + n];
                const real *wave = ripple + (((wide)m * IONS + i) * count + k) * SUB;
                const real *b = y + m * size + SPECIES * cells + ((wide)r * count + k) * SUB;
                for (int q = 0; q < SUB; ++q) {
                    c = here + wave[q] < c ? here + wave[q] : c;
                    lo = b[q] < lo ? b[q] : lo;
                    hi = b[q] > hi ? b[q] : hi;
                }
            }
            real *to = out + (((wide)m * PARTS + PART) * REFINED + r) * 3;
            to[0] = c;
            to[1] = lo;
            to[2] = hi;
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
