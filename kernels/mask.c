/* Diffusion in cells that obstacles touch: out[cell] += factor[m, s] sum_k weight[k] (u[index[k]] - rest[m, s]).
 *
 * The sweep of `rhs` knows the bare grid; rows hold what is different.  Tables stand as [width][count].
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
