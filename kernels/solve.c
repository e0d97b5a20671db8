/* Solving M k = r around the transforms: fold, divide, and the pointwise reactions. */

/* Bound forms that do not move are eliminated in favour of their ion (`rhs` can do it in its own pass). */
KERNEL fold(int first, int last, int nz, wide area, wide size, const double *bars, real *restrict r) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, z = plane - m * nz;
        const double *bar = bars + (wide)m * BARS;
        real *at = r + m * size + z * area;
        for (int j = MOBILE - IONS; j < BUFFERS; ++j) {
            const real weight = (real)(G * LEAST_Q(j) * STILL(j));
            const real *from = at + (IONS + j) * cells;
            real *to = at + BINDS(j) * cells;
            FOR_EACH(n, area) to[n] += weight * from[n];
        }
    }
}

/* In modal space: k_c = (r_c + sum_j g qbar_j r_j / A_j) / [..],  k_j = (r_j + g pbar_j k_c) / A_j. */
KERNEL divide(int first, int last, int nz, wide area, const double *bars, const real *restrict modal, real *restrict hat) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, z = plane - m * nz;
        const double *bar = bars + (wide)m * BARS;
        const real *by = modal + (wide)m * MOBILE * cells + z * area;
        real *at = hat + (wide)(m - first) * MOBILE * cells + z * area;
        FOR_EACH(n, area) {
            real ion[IONS];
            UNROLLED
            for (int i = 0; i < IONS; ++i) ion[i] = at[i * cells + n];
            UNROLLED
            for (int j = 0; j < MOBILE - IONS; ++j)
                ion[BINDS(j)] += (real)(G * LEAST_Q(j)) * at[(IONS + j) * cells + n] * by[(IONS + j) * cells + n];
            UNROLLED
            for (int i = 0; i < IONS; ++i) {
                ion[i] *= by[i * cells + n];
                at[i * cells + n] = ion[i];
            }
            UNROLLED
            for (int j = 0; j < MOBILE - IONS; ++j) {
                real *to = at + (IONS + j) * cells + n;
                *to = (*to + (real)(G * LEAST_P(j)) * ion[BINDS(j)]) * by[(IONS + j) * cells + n];
            }
        }
    }
}

/* z (of members from `first` on) is what moves; bound forms that do not follow from k's place, which
 * still holds the right-hand side, and are overwritten:
 *   k_c = (z_c + sum_j Q_j z_j / (1 + Q_j)) / (1 + sum_j P_j / (1 + Q_j)),  k_j = (z_j + P_j k_c) / (1 + Q_j). */
KERNEL react(int first, int last, int nz, wide area, wide size, const double *bars, const real *restrict inverse,
             const real *restrict share, const real *restrict inverse_ion, const real *restrict z, real *restrict k) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, level = plane - m * nz;
        const double *bar = bars + (wide)m * BARS;
        const wide at = m * size + level * area;
        const real *moving = z + (wide)(m - first) * MOBILE * cells + level * area;
        const real *one = inverse + (wide)m * BUFFERS * cells + level * area;
        const real *part = share + (wide)m * BUFFERS * cells + level * area;
        const real *ions = inverse_ion + (wide)m * IONS * cells + level * area;
        FOR_EACH(n, area) {
            real ion[IONS], sum[IONS], bound[BUFFERS + 1];
            UNROLLED
            for (int i = 0; i < IONS; ++i) sum[i] = ion[i] = moving[i * cells + n];
            UNROLLED
            for (int j = 0; j < BUFFERS; ++j) {
                if (IONS + j < MOBILE)
                    bound[j] = moving[(IONS + j) * cells + n];
                else
                    bound[j] = (k[at + (IONS + j) * cells + n] + (real)(G * LEAST_P(j)) * ion[BINDS(j)]) * (real)STILL(j);
                sum[BINDS(j)] += (1 - one[j * cells + n]) * bound[j];
            }
            UNROLLED
            for (int i = 0; i < IONS; ++i) {
                sum[i] *= ions[i * cells + n];
                k[at + i * cells + n] = sum[i];
            }
            UNROLLED
            for (int j = 0; j < BUFFERS; ++j)
                k[at + (IONS + j) * cells + n] = bound[j] * one[j * cells + n] + part[j * cells + n] * sum[BINDS(j)];
        }
    }
}

/* The same in refined cells, all species anew.  `keep` runs before `react` and saves z of the bound
 * forms there; k's sub-cells hold deviations of r from their mean, which even out at the rate mixing. */
KERNEL keep_refined(int first, int last, wide cells, wide size, const double *bars, int count, const wide *cell,
                    const real *z, const real *k, real *kept) {
#if REFINED > 0
    FOR_EACH_PLANE(m, first, last) {
        const double *bar = bars + (wide)m * BARS;
        FOR_EACH_SERIALLY(q, count) {
            const wide n = cell[q];
            const real *moving = z + (wide)(m - first) * MOBILE * cells + n;
            for (int j = 0; j < BUFFERS; ++j)
                kept[((wide)m * BUFFERS + j) * count + q] =
                    IONS + j < MOBILE ? moving[(IONS + j) * cells]
                                      : (k[m * size + (IONS + j) * cells + n] +
                                         (real)(G * LEAST_P(j)) * moving[BINDS(j) * cells]) * (real)STILL(j);
        }
    }
#endif
}

KERNEL react_refined(int first, int last, wide cells, wide size, const double *bars, const real *inverse, const real *share,
                     const real *inverse_ion, const real *fine_inverse, const real *fine_share, int count, const wide *cell,
                     const real *mixing, const real *kept, const real *z, real *k) {
#if REFINED > 0
    FOR_EACH_PLANE(m, first, last) {
        const double *bar = bars + (wide)m * BARS;
        FOR_EACH_SERIALLY(q, count) {
            const wide n = cell[q], base = m * size + n;
            const real *moving = z + (wide)(m - first) * MOBILE * cells + n;
            const real *bound = kept + (wide)m * BUFFERS * count + q;
            real sum[IONS];
            for (int i = 0; i < IONS; ++i) sum[i] = moving[i * cells];
            for (int j = 0; j < BUFFERS; ++j)
                if (SLOT(j) < 0) sum[BINDS(j)] += (1 - inverse[((wide)m * BUFFERS + j) * cells + n]) * bound[j * count];
            for (int p = 0; p < REFINED; ++p) {
                const int j = REFINES(p);
                real *fine = k + m * size + SPECIES * cells + ((wide)p * count + q) * SUB;
                const real *one = fine_inverse + (((wide)m * REFINED + p) * count + q) * SUB;
                const real still = 1 / (real)(1 + G * (LEAST_Q(j) + mixing[(wide)p * count + q]));
                real total = 0;
                for (int i = 0; i < SUB; ++i) {
                    fine[i] = fine[i] * still + bound[j * count];
                    total += (1 - one[i]) * fine[i];
                }
                sum[BINDS(j)] += total / SUB;
            }
            for (int i = 0; i < IONS; ++i) {
                sum[i] *= inverse_ion[((wide)m * IONS + i) * cells + n];
                k[base + i * cells] = sum[i];
            }
            for (int j = 0; j < BUFFERS; ++j)
                if (SLOT(j) < 0) {
                    const wide at = ((wide)m * BUFFERS + j) * cells + n;
                    k[base + (IONS + j) * cells] = bound[j * count] * inverse[at] + share[at] * sum[BINDS(j)];
                }
            for (int p = 0; p < REFINED; ++p) {
                const int j = REFINES(p);
                real *fine = k + m * size + SPECIES * cells + ((wide)p * count + q) * SUB;
                const wide at = (((wide)m * REFINED + p) * count + q) * SUB;
                real total = 0;
                for (int i = 0; i < SUB; ++i) {
                    fine[i] = fine[i] * fine_inverse[at + i] + fine_share[at + i] * sum[BINDS(j)];
                    total += fine[i];
                }
                k[base + (IONS + j) * cells] = total / SUB;
            }
        }
    }
#endif
}
