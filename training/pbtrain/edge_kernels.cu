// The kernels of edge_kernels.cpp for a GPU: one thread for each number of the result, channels side by side.
//
// Meaning, names and layout of the arguments are those of edge_kernels.cpp, with the CUDA stream before them.  Without a
// CUDA compiler the same text is plain C++ whose threads run one after another: so the tests check it without a GPU.

#include <cmath>
#include <cstdint>

using Index = const int64_t* __restrict__;

#ifdef __CUDACC__
#define DEVICE __device__ __forceinline__
#define THREAD [=] __device__(int64_t i)

template <class F> __global__ void each(int64_t count, F f) {
    const int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x;
    if (i < count)
        f(i);
}

template <class F> void parallel(void* stream, int64_t count, F f) {
    if (count > 0)
        each<<<(unsigned)((count + 255) / 256), 256, 0, (cudaStream_t)stream>>>(count, f);
}
#else
#define DEVICE inline
#define THREAD [=](int64_t i)

template <class F> void parallel(void*, int64_t count, F f) {
    for (int64_t i = 0; i < count; i++)
        f(i);
}
#endif

namespace kernels { // a name: nvcc wants one around its lambdas

template <class T> DEVICE T sigmoid(T x) {
    return T(1) / (T(1) + exp(-x));
}
// silu'(x) and silu''(x) from x and its sigmoid s
template <class T> DEVICE T silu1(T x, T s) {
    return s * (T(1) + x * (T(1) - s));
}
template <class T> DEVICE T silu2(T x, T s) {
    return s * (T(1) - s) * (T(2) + x * (T(1) - T(2) * s));
}
// an index into [rows, h]: counts are far below 2^31, and 32-bit division is the cheaper one
struct Place {
    int64_t row, channel;
};
DEVICE Place place(int64_t i, int64_t h) {
    const uint32_t row = uint32_t(i) / uint32_t(h);
    return {row, uint32_t(i) - row * uint32_t(h)};
}

template <class T>
void gather_mul(void* stream, int64_t edges, int64_t h, const T* __restrict__ x, const T* __restrict__ w, Index atom,
                T* __restrict__ out) {
    parallel(stream, edges * h, THREAD {
        const Place p = place(i, h);
        out[i] = x[atom[p.row] * h + p.channel] * w[i];
    });
}

template <class T>
void mul_sum(void* stream, int64_t rows, int64_t h, const T* __restrict__ w, const T* __restrict__ y, Index first,
             Index edge, T* __restrict__ out) {
    parallel(stream, rows * h, THREAD {
        const Place p = place(i, h);
        T sum = 0;
        for (int64_t k = first[p.row]; k < first[p.row + 1]; k++) {
            const int64_t e = (edge ? edge[k] : k) * h + p.channel;
            sum += w[e] * y[e];
        }
        out[i] = sum;
    });
}

template <class T>
void row_sum(void* stream, int64_t rows, int64_t h, const T* __restrict__ y, Index first, Index edge,
             T* __restrict__ out) {
    parallel(stream, rows * h, THREAD {
        const Place p = place(i, h);
        T sum = 0;
        for (int64_t k = first[p.row]; k < first[p.row + 1]; k++)
            sum += y[(edge ? edge[k] : k) * h + p.channel];
        out[i] = sum;
    });
}

template <class T>
void vector_sum(void* stream, int64_t rows, int64_t h, const T* __restrict__ s, const T* __restrict__ v, Index first,
                Index source, Index edge, T* __restrict__ out) {
    parallel(stream, rows * h, THREAD {
        const Place p = place(i, h);
        T x = 0, y = 0, z = 0;
        for (int64_t k = first[p.row]; k < first[p.row + 1]; k++) {
            const T a = s[(edge ? edge[k] : k) * h + p.channel];
            const T* b = v + source[k] * 3 * h + p.channel;
            x += a * b[0], y += a * b[h], z += a * b[2 * h];
        }
        T* o = out + p.row * 3 * h + p.channel;
        o[0] = x, o[h] = y, o[2 * h] = z;
    });
}

template <class T>
void vector_dot(void* stream, int64_t edges, int64_t h, const T* __restrict__ v, const T* __restrict__ g, Index source,
                Index target, T* __restrict__ out) {
    parallel(stream, edges * h, THREAD {
        const Place p = place(i, h);
        const T *a = v + source[p.row] * 3 * h + p.channel, *b = g + target[p.row] * 3 * h + p.channel;
        out[i] = a[0] * b[0] + a[h] * b[h] + a[2 * h] * b[2 * h];
    });
}

template <class T>
void project(void* stream, int64_t edges, int64_t h, const T* __restrict__ d, const T* __restrict__ a, Index atom,
             T* __restrict__ out) {
    parallel(stream, edges * h, THREAD {
        const Place p = place(i, h);
        const T *b = a + atom[p.row] * 3 * h + p.channel, *u = d + 3 * p.row;
        out[i] = u[0] * b[0] + u[1] * b[h] + u[2] * b[2 * h];
    });
}

template <class T>
void direct_sum(void* stream, int64_t rows, int64_t h, const T* __restrict__ d, const T* __restrict__ y, Index first,
                Index edge, T* __restrict__ out) {
    parallel(stream, rows * h, THREAD {
        const Place p = place(i, h);
        T sx = 0, sy = 0, sz = 0;
        for (int64_t k = first[p.row]; k < first[p.row + 1]; k++) {
            const int64_t e = edge ? edge[k] : k;
            const T b = y[e * h + p.channel];
            sx += d[3 * e] * b, sy += d[3 * e + 1] * b, sz += d[3 * e + 2] * b;
        }
        T* o = out + p.row * 3 * h + p.channel;
        o[0] = sx, o[h] = sy, o[2 * h] = sz;
    });
}

template <class T>
void direction_gradient(void* stream, int64_t edges, int64_t h, const T* __restrict__ a, const T* __restrict__ y,
                        Index atom, T* __restrict__ out) {
    parallel(stream, edges * 3, THREAD {
        const Place p = place(i, 3);
        const T *x = a + (atom[p.row] * 3 + p.channel) * h, *b = y + p.row * h;
        T sum = 0;
        for (int64_t c = 0; c < h; c++)
            sum += x[c] * b[c];
        out[i] = sum;
    });
}

template <class T> void silu(void* stream, int64_t n, const T* __restrict__ x, T* __restrict__ out) {
    parallel(stream, n, THREAD { out[i] = x[i] * sigmoid(x[i]); });
}

template <class T>
void silu_gradient(void* stream, int64_t n, const T* __restrict__ x, const T* __restrict__ g, T* __restrict__ out) {
    parallel(stream, n, THREAD { out[i] = g[i] * silu1(x[i], sigmoid(x[i])); });
}

template <class T>
void silu_second(void* stream, int64_t n, const T* __restrict__ x, const T* __restrict__ g, const T* __restrict__ h,
                 T* __restrict__ dx, T* __restrict__ dg) {
    parallel(stream, n, THREAD {
        const T s = sigmoid(x[i]);
        dg[i] = h[i] * silu1(x[i], s);
        dx[i] = h[i] * g[i] * silu2(x[i], s);
    });
}

template <class T>
void silu_mul(void* stream, int64_t edges, int64_t h, const T* __restrict__ x, const T* __restrict__ w, Index atom,
              T* __restrict__ out) {
    parallel(stream, edges * h, THREAD {
        const Place p = place(i, h);
        out[i] = x[i] * sigmoid(x[i]) * w[(atom ? atom[p.row] : p.row) * h + p.channel];
    });
}

template <class T>
void silu_mul_gradient(void* stream, int64_t rows, int64_t h, const T* __restrict__ x, const T* __restrict__ w,
                       const T* __restrict__ g, Index first, Index edge, T* __restrict__ gx, T* __restrict__ gw) {
    parallel(stream, rows * h, THREAD {
        const Place p = place(i, h);
        const int64_t begin = first ? first[p.row] : p.row, end = first ? first[p.row + 1] : p.row + 1;
        const T b = w[i];
        T sum = 0;
        for (int64_t k = begin; k < end; k++) {
            const int64_t e = (edge ? edge[k] : k) * h + p.channel;
            const T X = x[e], s = sigmoid(X), G = g[e];
            gx[e] = G * b * silu1(X, s);
            sum += G * X * s;
        }
        gw[i] = sum;
    });
}

template <class T>
void silu_mul_second(void* stream, int64_t rows, int64_t h, const T* __restrict__ x, const T* __restrict__ w,
                     const T* __restrict__ g, const T* __restrict__ hx, const T* __restrict__ hw, Index first,
                     Index edge, T* __restrict__ dx, T* __restrict__ dw, T* __restrict__ dg) {
    parallel(stream, rows * h, THREAD {
        const Place p = place(i, h);
        const int64_t begin = first ? first[p.row] : p.row, end = first ? first[p.row + 1] : p.row + 1;
        const T b = w[i], q = hw[i];
        T sum = 0;
        for (int64_t k = begin; k < end; k++) {
            const int64_t e = (edge ? edge[k] : k) * h + p.channel;
            const T X = x[e], s = sigmoid(X), G = g[e], P = hx[e], f1 = silu1(X, s);
            dx[e] = G * (b * silu2(X, s) * P + f1 * q);
            dg[e] = b * f1 * P + X * s * q;
            sum += G * f1 * P;
        }
        dw[i] = sum;
    });
}

template <class T>
void silu_scale(void* stream, int64_t edges, int64_t h, const T* __restrict__ x, const T* __restrict__ f,
                T* __restrict__ out) {
    parallel(stream, edges * h, THREAD { out[i] = x[i] * sigmoid(x[i]) * f[place(i, h).row]; });
}

template <class T>
void silu_scale_gradient(void* stream, int64_t edges, int64_t h, const T* __restrict__ x, const T* __restrict__ f,
                         const T* __restrict__ g, T* __restrict__ gx, T* __restrict__ gf) {
    parallel(stream, edges * h, THREAD { gx[i] = g[i] * f[place(i, h).row] * silu1(x[i], sigmoid(x[i])); });
    parallel(stream, edges, THREAD {
        T sum = 0;
        for (int64_t c = i * h; c < (i + 1) * h; c++)
            sum += g[c] * x[c] * sigmoid(x[c]);
        gf[i] = sum;
    });
}

template <class T>
void silu_scale_second(void* stream, int64_t edges, int64_t h, const T* __restrict__ x, const T* __restrict__ f,
                       const T* __restrict__ g, const T* __restrict__ hx, const T* __restrict__ hf,
                       T* __restrict__ dx, T* __restrict__ df, T* __restrict__ dg) {
    parallel(stream, edges * h, THREAD {
        const int64_t e = place(i, h).row;
        const T X = x[i], s = sigmoid(X), f1 = silu1(X, s);
        dx[i] = g[i] * (f[e] * silu2(X, s) * hx[i] + f1 * hf[e]);
        dg[i] = f[e] * f1 * hx[i] + X * s * hf[e];
    });
    parallel(stream, edges, THREAD {
        T sum = 0;
        for (int64_t c = i * h; c < (i + 1) * h; c++)
            sum += g[c] * silu1(x[c], sigmoid(x[c])) * hx[c];
        df[i] = sum;
    });
}

template <class T>
void block_mul(void* stream, int64_t blocks, int64_t width, const T* __restrict__ x, const T* __restrict__ a,
               T* __restrict__ out) {
    parallel(stream, blocks * width, THREAD { out[i] = x[i] * a[place(i, width).row]; });
}

template <class T>
void block_dot(void* stream, int64_t blocks, int64_t width, const T* __restrict__ x, const T* __restrict__ y,
               T* __restrict__ out) {
    parallel(stream, blocks, THREAD {
        T sum = 0;
        for (int64_t c = i * width; c < (i + 1) * width; c++)
            sum += x[c] * y[c];
        out[i] = sum;
    });
}

} // namespace kernels

// plain C symbols (suffix _f32, _f64) for ctypes
#define ONE(name, T, SUFFIX, PARAMETERS, ARGUMENTS)                                                                    \
    extern "C" void name##_##SUFFIX PARAMETERS {                                                                       \
        kernels::name<T> ARGUMENTS;                                                                                             \
    }
#define EXPORT(T, SUFFIX)                                                                                              \
    ONE(gather_mul, T, SUFFIX, (void* q, int64_t e, int64_t h, const T* x, const T* w, Index atom, T* out),            \
        (q, e, h, x, w, atom, out))                                                                                    \
    ONE(mul_sum, T, SUFFIX, (void* q, int64_t n, int64_t h, const T* w, const T* y, Index first, Index edge, T* out),  \
        (q, n, h, w, y, first, edge, out))                                                                             \
    ONE(row_sum, T, SUFFIX, (void* q, int64_t n, int64_t h, const T* y, Index first, Index edge, T* out),              \
        (q, n, h, y, first, edge, out))                                                                                \
    ONE(vector_sum, T, SUFFIX,                                                                                         \
        (void* q, int64_t n, int64_t h, const T* s, const T* v, Index first, Index source, Index edge, T* out),        \
        (q, n, h, s, v, first, source, edge, out))                                                                     \
    ONE(vector_dot, T, SUFFIX,                                                                                         \
        (void* q, int64_t e, int64_t h, const T* v, const T* g, Index source, Index target, T* out),                   \
        (q, e, h, v, g, source, target, out))                                                                          \
    ONE(project, T, SUFFIX, (void* q, int64_t e, int64_t h, const T* d, const T* a, Index atom, T* out),               \
        (q, e, h, d, a, atom, out))                                                                                    \
    ONE(direct_sum, T, SUFFIX,                                                                                         \
        (void* q, int64_t n, int64_t h, const T* d, const T* y, Index first, Index edge, T* out),                      \
        (q, n, h, d, y, first, edge, out))                                                                             \
    ONE(direction_gradient, T, SUFFIX, (void* q, int64_t e, int64_t h, const T* a, const T* y, Index atom, T* out),    \
        (q, e, h, a, y, atom, out))                                                                                    \
    ONE(silu, T, SUFFIX, (void* q, int64_t n, const T* x, T* out), (q, n, x, out))                                     \
    ONE(silu_gradient, T, SUFFIX, (void* q, int64_t n, const T* x, const T* g, T* out), (q, n, x, g, out))             \
    ONE(silu_second, T, SUFFIX, (void* q, int64_t n, const T* x, const T* g, const T* h, T* dx, T* dg),                \
        (q, n, x, g, h, dx, dg))                                                                                       \
    ONE(silu_mul, T, SUFFIX, (void* q, int64_t e, int64_t h, const T* x, const T* w, Index atom, T* out),              \
        (q, e, h, x, w, atom, out))                                                                                    \
    ONE(silu_mul_gradient, T, SUFFIX,                                                                                  \
        (void* q, int64_t n, int64_t h, const T* x, const T* w, const T* g, Index first, Index edge, T* gx, T* gw),    \
        (q, n, h, x, w, g, first, edge, gx, gw))                                                                       \
    ONE(silu_mul_second, T, SUFFIX,                                                                                    \
        (void* q, int64_t n, int64_t h, const T* x, const T* w, const T* g, const T* hx, const T* hw, Index first,     \
         Index edge, T* dx, T* dw, T* dg),                                                                             \
        (q, n, h, x, w, g, hx, hw, first, edge, dx, dw, dg))                                                           \
    ONE(silu_scale, T, SUFFIX, (void* q, int64_t e, int64_t h, const T* x, const T* f, T* out), (q, e, h, x, f, out))  \
    ONE(silu_scale_gradient, T, SUFFIX,                                                                                \
        (void* q, int64_t e, int64_t h, const T* x, const T* f, const T* g, T* gx, T* gf), (q, e, h, x, f, g, gx, gf)) \
    ONE(silu_scale_second, T, SUFFIX,                                                                                  \
        (void* q, int64_t e, int64_t h, const T* x, const T* f, const T* g, const T* hx, const T* hf, T* dx, T* df,    \
         T* dg),                                                                                                       \
        (q, e, h, x, f, g, hx, hf, dx, df, dg))                                                                        \
    ONE(block_mul, T, SUFFIX, (void* q, int64_t k, int64_t width, const T* x, const T* a, T* out),                     \
        (q, k, width, x, a, out))                                                                                      \
    ONE(block_dot, T, SUFFIX, (void* q, int64_t k, int64_t width, const T* x, const T* y, T* out),                     \
        (q, k, width, x, y, out))

EXPORT(float, f32)
EXPORT(double, f64)
