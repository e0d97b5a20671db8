/* Solving M k = r around the transforms: fold, divide, and the pointwise reactions. */

/* What one cell or mode needs stands in functions: arrays of a loop's own body keep GCC from vectorising it. */
#if NETWORK
INLINE void fold_cell(wide cells, const real *folding, real *at) {
    real moves[IONS + CARRIED_FORMS], stays[STAYING_FORMS + 1];
    UNROLLED
    for (int i = 0; i < IONS; ++i) moves[i] = at[i * cells];
    UNROLLED
    for (int k = 0; k < CARRIED_FORMS; ++k) moves[IONS + k] = at[MOVING_FORM(k) * cells];
    UNROLLED
    for (int k = 0; k < STAYING_FORMS; ++k) stays[k] = at[STAYING_FORM(k) * cells];
    network_fold(folding, stays, moves);
    UNROLLED
    for (int i = 0; i < IONS; ++i) at[i * cells] = moves[i];
    UNROLLED
    for (int k = 0; k < CARRIED_FORMS; ++k) at[MOVING_FORM(k) * cells] = moves[IONS + k];
}
#endif

/* Bound forms that do not move are eliminated in favour of their ion (`rhs` can do it in its own pass). */
KERNEL fold(int first, int last, int nz, wide area, wide size, const double *bars, real *restrict r) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, z = plane - m * nz;
        const double *bar = bars + (wide)m * BARS;
        real *at = r + m * size + z * area;
        for (int j = MOVERS; j < BUFFERS; ++j) {
            const real weight = (real)(G * LEAST_Q(j) * STILL(j));
            const real *from = at + AT(j) * cells;
            real *to = at + BINDS(j) * cells;
            FOR_EACH(n, area) to[n] += weight * from[n];
        }
#if NETWORK
        real folding[FOLDS + 1];
        for (int k = 0; k < FOLDS; ++k) folding[k] = NETBAR(FOLD_AT + k);
        FOR_EACH(n, area) fold_cell(cells, folding, at + n);
#endif
    }
}

/* In modal space: k_c = (r_c + sum_j g qbar_j r_j / A_j) / [..],  k_j = (r_j + g pbar_j k_c) / A_j. */
INLINE void divide_mode(wide cells, const double *par, const double *bar, real ga, real lam, const real *by, real *at) {
    real ion[IONS];
    UNROLLED
    for (int i = 0; i < IONS; ++i) ion[i] = at[i * cells];
    UNROLLED
    for (int j = 0; j < MOVERS; ++j)
        ion[BINDS(j)] += (real)(G * LEAST_Q(j)) * at[AT(j) * cells] * by[AT(j) * cells];
#if NETWORK
    real diagonal[IONS + CARRIED_FORMS], x[IONS + CARRIED_FORMS];
    UNROLLED
    for (int i = 0; i < IONS; ++i) {
        x[i] = ion[i];
        diagonal[i] = by[i * cells];
    }
    UNROLLED
    for (int k = 0; k < CARRIED_FORMS; ++k) {
        x[IONS + k] = at[MOVING_FORM(k) * cells];
        diagonal[IONS + k] = 1 - ga * (real)DIFFUSION(MOVING_FORM(k)) * lam;
    }
    network_modes(bar, diagonal, x);
    UNROLLED
    for (int k = 0; k < CARRIED_FORMS; ++k) at[MOVING_FORM(k) * cells] = x[IONS + k];
    UNROLLED
    for (int i = 0; i < IONS; ++i) {
        ion[i] = x[i];
        at[i * cells] = ion[i];
    }
#else
    UNROLLED
    for (int i = 0; i < IONS; ++i) {
        ion[i] *= by[i * cells];
        at[i * cells] = ion[i];
    }
#endif
    UNROLLED
    for (int j = 0; j < MOVERS; ++j) {
        real *to = at + AT(j) * cells;
        *to = (*to + (real)(G * LEAST_P(j)) * ion[BINDS(j)]) * by[AT(j) * cells];
    }
}

KERNEL divide(int first, int last, int nz, wide area, const double *params, const double *bars, double a,
              const real *restrict rates, const real *restrict modal, real *restrict hat) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, z = plane - m * nz;
        const double *par = params + (wide)m * PARAMETERS, *bar = bars + (wide)m * BARS;
        const real *by = modal + (wide)m * TABLED * cells + z * area, *lam = rates + z * area;
        real *at = hat + (wide)(m - first) * CARRIED * cells + z * area;
        const real ga = (real)(G * a);
        FOR_EACH(n, area) divide_mode(cells, par, bar, ga, NETWORK ? lam[n] : 0, by + n, at + n);
    }
}

#if NETWORK
/* Where the Jacobian was taken: ions' c and all forms of one cell. */
INLINE void values_at(wide cells, const real *y, const real *near, real *v) {
    UNROLLED
    for (int i = 0; i < IONS; ++i) v[i] = y[i * cells] + near[i * cells];
    UNROLLED
    for (int f = 0; f < MOVING_FORMS; ++f) v[IONS + f] = y[MOVING_FORM(f) * cells];
    UNROLLED
    for (int f = 0; f < STAYING_FORMS; ++f) v[IONS + MOVING_FORMS + f] = y[STAYING_FORM(f) * cells];
}
#endif

/* z (of members from `first` on) is what moves; bound forms that do not follow from k's place, which
 * still holds the right-hand side, and are overwritten:
 *   k_c = (z_c + sum_j Q_j z_j / (1 + Q_j)) / (1 + sum_j P_j / (1 + Q_j)),  k_j = (z_j + P_j k_c) / (1 + Q_j);
 * with a network both sums belong to the ions' rows of its system. */
INLINE void react_cell(wide cells, const double *bar, const double *law, const real *one, const real *part,
           const real *ions, const real *y, const real *near, const real *moving, real *k) {
    real ion[IONS], sum[IONS], bound[BUFFERS + 1];
    UNROLLED
    for (int i = 0; i < IONS; ++i) sum[i] = ion[i] = moving[i * cells];
    UNROLLED
    for (int j = 0; j < BUFFERS; ++j) {
        if (j < MOVERS)
            bound[j] = moving[AT(j) * cells];
        else
            bound[j] = (k[AT(j) * cells] + (real)(G * LEAST_P(j)) * ion[BINDS(j)]) * (real)STILL(j);
        sum[BINDS(j)] += (1 - one[j * cells]) * bound[j];
    }
#if NETWORK
    real x[VALUES], v[VALUES], total[IONS];
    UNROLLED
    for (int i = 0; i < IONS; ++i) x[i] = ion[i];
    UNROLLED
    for (int f = 0; f < CARRIED_FORMS; ++f) x[IONS + f] = moving[MOVING_FORM(f) * cells];
    UNROLLED
    for (int f = 0; f < STAYING_FORMS; ++f)
        x[IONS + MOVING_FORMS + f] = k[STAYING_FORM(f) * cells];
    network_unfold(bar, x, x + IONS + MOVING_FORMS);
    UNROLLED
    for (int i = 0; i < IONS; ++i) {
        x[i] = sum[i];
        total[i] = ions[i * cells];
    }
    values_at(cells, y, near, v);
    network_solve(law, bar, (real)G, v, total, x);
    UNROLLED
    for (int i = 0; i < IONS; ++i) k[i * cells] = sum[i] = x[i];
    UNROLLED
    for (int f = 0; f < MOVING_FORMS; ++f) k[MOVING_FORM(f) * cells] = x[IONS + f];
    UNROLLED
    for (int f = 0; f < STAYING_FORMS; ++f)
        k[STAYING_FORM(f) * cells] = x[IONS + MOVING_FORMS + f];
#else
    UNROLLED
    for (int i = 0; i < IONS; ++i) {
        sum[i] *= ions[i * cells];
        k[i * cells] = sum[i];
    }
#endif
    UNROLLED
    for (int j = 0; j < BUFFERS; ++j)
        k[AT(j) * cells] = bound[j] * one[j * cells] + part[j * cells] * sum[BINDS(j)];
}

KERNEL react(int first, int last, int nz, wide area, wide size, const double *bars, const real *restrict inverse,
             const real *restrict share, const real *restrict inverse_ion, const double *laws, const real *restrict y,
             const real *restrict near, const real *restrict z, real *restrict k) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, level = plane - m * nz;
        const double *bar = bars + (wide)m * BARS;
        const wide at = m * size + level * area;
        const real *moving = z + (wide)(m - first) * CARRIED * cells + level * area;
        const real *one = inverse + (wide)m * BUFFERS * cells + level * area;
        const real *part = share + (wide)m * BUFFERS * cells + level * area;
        const real *ions = inverse_ion + (wide)m * IONS * cells + level * area;
        const double *law = laws + (wide)m * LAWS;
        const real *field = near + (wide)m * IONS * cells + level * area;
        FOR_EACH(n, area)
            react_cell(cells, bar, law, one + n, part + n, ions + n, y + at + n, field + n, moving + n, k + at + n);
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
            const real *moving = z + (wide)(m - first) * CARRIED * cells + n;
            real *keep = kept + (wide)m * KEPT * count + q;
            for (int j = 0; j < BUFFERS; ++j)
                keep[j * count] = j < MOVERS ? moving[AT(j) * cells]
                                             : (k[m * size + AT(j) * cells + n] +
                                                (real)(G * LEAST_P(j)) * moving[BINDS(j) * cells]) * (real)STILL(j);
#if NETWORK
            real x[VALUES] = {0};
            for (int i = 0; i < IONS; ++i) x[i] = moving[i * cells];
            for (int f = 0; f < CARRIED_FORMS; ++f) x[IONS + f] = moving[MOVING_FORM(f) * cells];
            for (int f = 0; f < STAYING_FORMS; ++f)
                x[IONS + MOVING_FORMS + f] = k[m * size + STAYING_FORM(f) * cells + n];
            network_unfold(bar, x, x + IONS + MOVING_FORMS);
            for (int f = 0; f < MOVING_FORMS + STAYING_FORMS; ++f) keep[(BUFFERS + f) * count] = x[IONS + f];
#endif
        }
    }
#endif
}

KERNEL react_refined(int first, int last, wide cells, wide size, const double *bars, const real *inverse, const real *share,
                     const real *inverse_ion, const double *laws, const real *y, const real *near, const real *fine_inverse, const real *fine_share, int count, const wide *cell,
                     const real *mixing, const real *kept, const real *z, real *k) {
#if REFINED > 0
    FOR_EACH_PLANE(m, first, last) {
        const double *bar = bars + (wide)m * BARS;
        FOR_EACH_SERIALLY(q, count) {
            const wide n = cell[q], base = m * size + n;
            const real *moving = z + (wide)(m - first) * CARRIED * cells + n;
            const real *bound = kept + (wide)m * KEPT * count + q;
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
#if NETWORK
            real x[VALUES], v[VALUES], diagonal[IONS];
            for (int i = 0; i < IONS; ++i) {
                x[i] = sum[i];
                diagonal[i] = inverse_ion[((wide)m * IONS + i) * cells + n];
            }
            for (int f = 0; f < MOVING_FORMS + STAYING_FORMS; ++f) x[IONS + f] = bound[(BUFFERS + f) * count];
            values_at(cells, y + base, near + (wide)m * IONS * cells + n, v);
            network_solve(laws + (wide)m * LAWS, bar, (real)G, v, diagonal, x);
            for (int i = 0; i < IONS; ++i) k[base + i * cells] = sum[i] = x[i];
            for (int f = 0; f < MOVING_FORMS; ++f) k[base + MOVING_FORM(f) * cells] = x[IONS + f];
            for (int f = 0; f < STAYING_FORMS; ++f) k[base + STAYING_FORM(f) * cells] = x[IONS + MOVING_FORMS + f];
#else
            for (int i = 0; i < IONS; ++i) {
                sum[i] *= inverse_ion[((wide)m * IONS + i) * cells + n];
                k[base + i * cells] = sum[i];
            }
#endif
            for (int j = 0; j < BUFFERS; ++j)
                if (SLOT(j) < 0) {
                    const wide at = ((wide)m * BUFFERS + j) * cells + n;
                    k[base + AT(j) * cells] = bound[j * count] * inverse[at] + share[at] * sum[BINDS(j)];
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
                k[base + AT(j) * cells] = total / SUB;
            }
        }
    }
#endif
}

/* The ledger reads z, which stands in a work array of members from `first` on, after all are done. */
KERNEL keep_moved(int first, int last, wide moving, wide each, wide size, const real *restrict z, real *restrict moved) {
    FOR_EACH_PLANE(m, first, last) {
        const real *from = z + (m - first) * each;
        real *to = moved + m * size;
        FOR_EACH(n, moving) to[n] = from[n];
    }
}
