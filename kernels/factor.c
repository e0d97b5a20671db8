/* Once per step: the factor M = (I - g (a D L2 + Jbar)) (I - g (J - Jbar)), reciprocals stored.
 *
 * Modes:   A_j = 1 + g qbar_j - g a D_j lam;   1 / A_j   and
 *          1 / [1 - g a D lam + g uptake + sum_j g pbar_j (1 - g qbar_j / A_j)]
 * (not inverted where there is a network; see network.py)
 * Points:  P = g (p - pbar), Q = g (q - qbar):  1 / (1 + Q_j),  P_j / (1 + Q_j),  1 / (1 + sum_j P_j / (1 + Q_j))
 */
KERNEL modes(int first, int last, int nz, wide area, const double *params, const double *bars, double a, const real *rates,
             real *restrict modal) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, z = plane - m * nz;
        const double *par = params + (wide)m * PARAMETERS, *bar = bars + (wide)m * BARS;
        const real *lam = rates + z * area;
        real *to = modal + (wide)m * TABLED * cells + z * area;
        const real ga = (real)(G * a);
        FOR_EACH(n, area) {
            real ion[IONS];
            UNROLLED
            for (int i = 0; i < IONS; ++i)
                ion[i] = (real)(1 + G * UPTAKE(i)) - ga * (real)DIFFUSION(i) * lam[n];
            UNROLLED
            for (int j = 0; j < BUFFERS; ++j) {
                real inverse = (real)STILL(j);
                if (j < MOVERS) {
                    inverse = 1 / ((real)(1 + G * LEAST_Q(j)) - ga * (real)DIFFUSION(AT(j)) * lam[n]);
                    to[AT(j) * cells + n] = inverse;
                }
                ion[BINDS(j)] += (real)(G * LEAST_P(j)) * (1 - (real)(G * LEAST_Q(j)) * inverse);
            }
            UNROLLED
            for (int i = 0; i < IONS; ++i) to[i * cells + n] = INVERTED(ion[i]);
        }
    }
}

KERNEL points(int first, int last, int nz, wide area, wide size, const double *params, const double *bars,
              const real *restrict y, const real *restrict near, real *restrict inverse, real *restrict share,
              real *restrict inverse_ion) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, z = plane - m * nz;
        const double *par = params + (wide)m * PARAMETERS, *bar = bars + (wide)m * BARS;
        const real *state = y + m * size + z * area, *field = near + (wide)m * IONS * cells + z * area;
        real *to_inverse = inverse + (wide)m * BUFFERS * cells + z * area;
        real *to_share = share + (wide)m * BUFFERS * cells + z * area;
        real *to_ion = inverse_ion + (wide)m * IONS * cells + z * area;
        const real g = (real)G;
        FOR_EACH(n, area) {
            real total[IONS];
            UNROLLED
            for (int i = 0; i < IONS; ++i) total[i] = 1;
            UNROLLED
            for (int j = 0; j < BUFFERS; ++j) {
                const int i = BINDS(j);
                const real c = state[i * cells + n] + field[i * cells + n], b = state[AT(j) * cells + n];
                const real P = g * ((real)K_ON(j) * ((real)TOTAL(j) - b) - (real)LEAST_P(j));
                const real Q = g * ((real)K_ON(j) * c + (real)K_OFF(j) - (real)LEAST_Q(j));
                const real one = 1 / (1 + Q);
                to_inverse[j * cells + n] = one;
                to_share[j * cells + n] = P * one;
                total[i] += P * one;
            }
            UNROLLED
            for (int i = 0; i < IONS; ++i) to_ion[i * cells + n] = INVERTED(total[i]);
        }
    }
}

/* The same on sub-cells; the cell's ion sees the mean share. */
KERNEL points_refined(int first, int last, wide cells, wide size, const double *params, const double *bars, const real *y,
                      const real *near, const real *ripple, int count, const wide *cell, const real *share,
                      real *fine_inverse, real *fine_share, real *inverse_ion) {
#if REFINED > 0
    FOR_EACH_PLANE(m, first, last) {
        const double *par = params + (wide)m * PARAMETERS, *bar = bars + (wide)m * BARS;
        FOR_EACH_SERIALLY(k, count) {
            const wide n = cell[k];
            real total[IONS];
            for (int i = 0; i < IONS; ++i) total[i] = 1;
            for (int j = 0; j < BUFFERS; ++j)
                if (SLOT(j) < 0) total[BINDS(j)] += share[((wide)m * BUFFERS + j) * cells + n];
            for (int r = 0; r < REFINED; ++r) {
                const int j = REFINES(r), i = BINDS(j);
                const real here = y[m * size + i * cells + n] + near[((wide)m * IONS + i) * cells + n];
                const real *wave = ripple + (((wide)m * IONS + i) * count + k) * SUB;
                const real *b = y + m * size + SPECIES * cells + ((wide)r * count + k) * SUB;
                const wide to = (((wide)m * REFINED + r) * count + k) * SUB;
                real sum = 0;
                for (int q = 0; q < SUB; ++q) {
                    const real P = (real)G * ((real)K_ON(j) * ((real)TOTAL(j) - b[q]) - (real)LEAST_P(j));
                    const real Q = (real)G * ((real)K_ON(j) * (here + wave[q]) + (real)K_OFF(j) - (real)LEAST_Q(j));
                    const real one = 1 / (1 + Q);
                    fine_inverse[to + q] = one;
                    fine_share[to + q] = P * one;
                    sum += P * one;
                }
                total[i] += sum / SUB;
            }
            for (int i = 0; i < IONS; ++i) inverse_ion[((wide)m * IONS + i) * cells + n] = INVERTED(total[i]);
        }
    }
#endif
}
