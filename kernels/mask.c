/* Obstacles: what they change in the diffusion of the cells they touch, and the passes of the implicit solve
 * beside them (see masked_solve.py).  Rows stand as tables [width][count]; `species` counts those that move.
 *
 *   out[cell] += factor[m, s] sum_k weight[k] (u[index[k]] - rest[m, s])
 *
 * The sweep of `rhs` knows the bare grid; rows hold what is different.
 */
KERNEL mask_rows(int first, int last, wide count, int width, int species, wide cells, wide size_u, wide size_out,
                 const wide *cell, const wide *index, const real *weight, const double *factor, const double *rest,
                 const real *u, real *out) {
    FOR_EACH_PLANE(plane, first * species, last * species) {
        const int m = plane / species, s = plane - m * species;
        const real by = (real)factor[plane], level = rest ? (real)rest[plane] : 0;
        const real *from = u + (m - first) * size_u + s * cells;
        real *to = out + (m - first) * size_out + s * cells;
        FOR_EACH_SERIALLY(n, count) {
            real sum = 0;
            for (int k = 0; k < width; ++k) sum += weight[k * count + n] * (from[index[k * count + n]] - level);
            to[cell[n]] += by * sum;
        }
    }
}

#ifdef __CUDACC__
#define FOR_EACH_SUM(i, n, sum) FOR_EACH(i, n)
#else
#define FOR_EACH_SUM(i, n, sum) PRAGMA(omp simd reduction(+ : sum)) for (wide i = 0; i < (n); ++i)
#endif

/* v = r less the mean of its part, 0 in closed cells, and partial sums of weight v^2, [m, z, s][PARTS][groups];
 * species after species in a plane, so that its tables stay in the cache.
 * `mean` [m][s][parts]: of the last part, to which all belongs that does not keep its ions, it is 0. */
KERNEL mask_source(int first, int last, int nz, wide area, int species, wide size, int groups, int parts, const real *fluid,
                   const wide *part, const real *weight, const real *mean, const real *r, real *restrict v,
                   real *restrict square) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * species * nz, last * species * nz) {
        const wide turn = plane - (wide)first * species * nz, s = turn % species, z = turn / species % nz;
        const wide m = turn / (species * nz), here = m * species + s;
        const real *from = r + m * size + s * cells + z * area, *level = mean + here * parts;
        const real *open = fluid + z * area;
        const wide *own = part + z * area;
        real *to = v + here * cells + z * area;
        FOR_EACH(n, area) to[n] = open[n] * (from[n] - level[own[n]]);
        for (int g = 0; g < groups; ++g) {
            const real *by = weight + g * cells + z * area;
            real sum = 0;
            FOR_EACH_SUM(n, area, sum) sum += by[n] * to[n] * to[n];
            square[(turn * PARTS + PART) * groups + g] = sum;
        }
    }
}

/* Part of a residual that is handed to the preconditioner in a touched cell: the ratio of the diagonals of
 * 1 + by L_2 and 1 + by L_m2, by = - g a D. */
INLINE real handed(real by, real bare, real extra) { return (1 + by * bare) / (1 + by * (bare + extra)); }

/* u_0 = v in the cells asked for, and there v becomes what the preconditioner is handed.
 * u stands as [m][direction][species][count], `many` directions. */
KERNEL mask_begin(int first, int last, int species, wide cells, wide count, wide touched, int many, const wide *cell,
                  const real *bare, const real *extra, const double *factor, real *v, real *u) {
    FOR_EACH_PLANE(row, first * species, last * species) {
        const int m = row / species, s = row - m * species;
        const real by = (real)factor[row];
        real *from = v + (row - (wide)first * species) * cells;
        real *to = u + ((wide)(m - first) * many * species + s) * count;
        FOR_EACH_SERIALLY(q, count) {
            const real one = from[cell[q]];
            to[q] = one;
            if (q < touched) from[cell[q]] = one * handed(by, bare[q], extra[q]);
        }
    }
}

/* u_k+1 = u_k - A z_k, where the bare factor of z_k is what was handed of u_k, and what is handed next: the whole
 * grid (k 0) is handed all of the ring, the box nothing. */
KERNEL mask_left(int first, int last, int species, wide cells, wide count, wide touched, int many, int k, int width,
                 const wide *index, const real *weight, const real *bare, const real *extra, const double *factor,
                 const real *z, real *u, wide room, const wide *place, real *next) {
    FOR_EACH_PLANE(row, first * species, last * species) {
        const int m = row / species, s = row - m * species;
        const wide here = row - (wide)first * species;
        const real by = (real)factor[row];
        const real *from = z + here * cells, *old = u + (((wide)(m - first) * many + k) * species + s) * count;
        real *now = u + (((wide)(m - first) * many + k + 1) * species + s) * count;
        FOR_EACH_SERIALLY(q, count) {
            const real share = q < touched ? handed(by, bare[q], extra[q]) : k == 0;
            real sum = 0;
            for (int j = 0; j < width; ++j) sum += weight[j * count + q] * from[index[j * count + q]];
            const real left = old[q] - share * old[q] - by * sum;
            now[q] = left;
            if (next && q < touched) next[here * room + place[q]] = share * left;
        }
    }
}

/* z = c_0 z + shift of its part in open cells, 0 in closed ones; c [m][direction][groups]. */
KERNEL mask_end(int first, int last, int nz, wide area, int species, int many, int groups, int parts, const real *fluid,
                const wide *group, const wide *part, const real *c, const real *shift, real *restrict z) {
    const wide cells = area * nz;
    FOR_EACH_PLANE(plane, first * species * nz, last * species * nz) {
        const wide turn = plane - (wide)first * species * nz, s = turn % species, level = turn / species % nz;
        const wide m = turn / (species * nz), here = m * species + s;
        const real *by = c + m * many * groups, *add = shift + here * parts;
        const real *open = fluid + level * area;
        const wide *mine = group + level * area, *own = part + level * area;
        real *at = z + here * cells + level * area;
        FOR_EACH(n, area) at[n] = open[n] * (by[mine[n]] * at[n] + add[own[n]]);
    }
}

/* z += c_k z_k of one direction in the open cells of its box; z_k of the members from `first` on. */
KERNEL mask_add(int first, int last, int species, wide cells, wide room, int many, int k, int groups, const wide *cell,
                const real *fluid, const wide *group, const real *c, const real *inner, real *z) {
    FOR_EACH_PLANE(row, first * species, last * species) {
        const wide here = row - (wide)first * species;
        const real *by = c + ((here / species) * many + k) * groups, *from = inner + here * room;
        real *to = z + here * cells;
        FOR_EACH_SERIALLY(n, room) {
            const wide at = cell[n];
            to[at] += fluid[at] * by[group[at]] * from[n];
        }
    }
}
