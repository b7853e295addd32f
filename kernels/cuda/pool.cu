// Pooling of channels-last images (N, D, H, W, C), N D H = `rows`. A block works on a row of the
// pooled image (forward) or of the image (backward), neighbouring threads on neighbouring channels.
//
// The backward kernels gather: each element asks the windows that it lies in, in their order.

// One axis: its length, how many windows, and the window's length, stride, padding and dilation.
struct Axis {
    int n, windows, kernel, stride, padding, dilation;

    __device__ int position(int window, int tap) const
    {
        return window * stride - padding + tap * dilation;
    }

    // The first tap of a window that is not before the image.
    __device__ int first_tap(int window) const
    {
        return (max(padding - window * stride, 0) + dilation - 1) / dilation;
    }

    // The windows that position x may be in: the first and the last.
    __device__ int first_window(int x) const
    {
        return (max(x + padding - (kernel - 1) * dilation, 0) + stride - 1) / stride;
    }

    __device__ int last_window(int x) const
    {
        return min(windows - 1, (x + padding) / stride);
    }

    // The tap of `window` that is at position x, or -1.
    __device__ int tap_at(int window, int x) const
    {
        int distance = x + padding - window * stride;
        return distance % dilation == 0 ? distance / dilation : -1;
    }

    // The length of `window`, as it counts in an average.
    __device__ int size(int window, int include_pad) const
    {
        int start = window * stride - padding, end = min(start + kernel, n + padding);
        return include_pad ? end - start : min(end, n) - max(start, 0);
    }
};

#define EACH_TAP(axis, window, k, x)                                                     \
    for (int k = axis.first_tap(window), x = axis.position(window, k);                   \
         k < axis.kernel && x < axis.n; k++, x += axis.dilation)

#define EACH_WINDOW(axis, window, x)                                                     \
    for (int window = axis.first_window(x); window <= axis.last_window(x); window++)

template <typename Tap>
__device__ void max_forward(const real* X, index rows, int C, Axis d, Axis h, Axis w, real* Y,
                            Tap* taps)
{
    int across = w.windows * C;
    for (index m = blockIdx.x; m < rows; m += gridDim.x) {
        int oh = m % h.windows, od = m / h.windows % d.windows;
        index n = m / h.windows / d.windows;
        for (int j = threadIdx.x; j < across; j += blockDim.x) {
            int ow = j / C, c = j % C;
            real top = log(real(0));  // minus infinity
            int tap = min(d.first_tap(od), d.kernel - 1) * h.kernel;
            tap = (tap + min(h.first_tap(oh), h.kernel - 1)) * w.kernel;
            tap += min(w.first_tap(ow), w.kernel - 1);
            EACH_TAP(d, od, kd, xd) EACH_TAP(h, oh, kh, xh) EACH_TAP(w, ow, kw, xw)
            {
                real x = X[(((n * d.n + xd) * h.n + xh) * w.n + xw) * C + c];
                if (x > top || x != x) {
                    top = x;
                    tap = (kd * h.kernel + kh) * w.kernel + kw;
                }
            }
            Y[m * across + j] = top;
            taps[m * across + j] = tap;
        }
    }
}

template <typename Tap>
__device__ void max_backward(const real* dY, const Tap* taps, index rows, int C, Axis d, Axis h,
                             Axis w, real* dX)
{
    int across = w.n * C;
    for (index m = blockIdx.x; m < rows; m += gridDim.x) {
        int xh = m % h.n, xd = m / h.n % d.n;
        index n = m / h.n / d.n;
        for (int j = threadIdx.x; j < across; j += blockDim.x) {
            int xw = j / C, c = j % C;
            real sum = 0;
            EACH_WINDOW(d, od, xd) EACH_WINDOW(h, oh, xh) EACH_WINDOW(w, ow, xw)
            {
                int kd = d.tap_at(od, xd), kh = h.tap_at(oh, xh), kw = w.tap_at(ow, xw);
                if (min(kd, min(kh, kw)) < 0) continue;
                index i = (((n * d.windows + od) * h.windows + oh) * w.windows + ow) * C + c;
                if (taps[i] == (kd * h.kernel + kh) * w.kernel + kw) sum += dY[i];
            }
            dX[m * across + j] = sum;
        }
    }
}

extern "C" __global__ void max_pool_forward_8(const real* X, index rows, int D, int H, int W, int C,
                                              int OD, int OH, int OW, int KD, int KH, int KW,
                                              int SD, int SH, int SW, int PD, int PH, int PW,
                                              int ED, int EH, int EW, real* Y, unsigned char* taps)
{
    Axis d = {D, OD, KD, SD, PD, ED}, h = {H, OH, KH, SH, PH, EH}, w = {W, OW, KW, SW, PW, EW};
    max_forward(X, rows, C, d, h, w, Y, taps);
}

extern "C" __global__ void max_pool_backward_8(const real* dY, const unsigned char* taps,
                                               index rows, int D, int H, int W, int C, int OD,
                                               int OH, int OW, int KD, int KH, int KW, int SD,
                                               int SH, int SW, int PD, int PH, int PW, int ED,
                                               int EH, int EW, real* dX)
{
    Axis d = {D, OD, KD, SD, PD, ED}, h = {H, OH, KH, SH, PH, EH}, w = {W, OW, KW, SW, PW, EW};
    max_backward(dY, taps, rows, C, d, h, w, dX);
}

extern "C" __global__ void max_pool_forward_32(const real* X, index rows, int D, int H, int W,
                                               int C, int OD, int OH, int OW, int KD, int KH,
                                               int KW, int SD, int SH, int SW, int PD, int PH,
                                               int PW, int ED, int EH, int EW, real* Y, int* taps)
{
    Axis d = {D, OD, KD, SD, PD, ED}, h = {H, OH, KH, SH, PH, EH}, w = {W, OW, KW, SW, PW, EW};
    max_forward(X, rows, C, d, h, w, Y, taps);
}

extern "C" __global__ void max_pool_backward_32(const real* dY, const int* taps, index rows, int D,
                                                int H, int W, int C, int OD, int OH, int OW, int KD,
                                                int KH, int KW, int SD, int SH, int SW, int PD,
                                                int PH, int PW, int ED, int EH, int EW, real* dX)
{
    Axis d = {D, OD, KD, SD, PD, ED}, h = {H, OH, KH, SH, PH, EH}, w = {W, OW, KW, SW, PW, EW};
    max_backward(dY, taps, rows, C, d, h, w, dX);
}

// What the sum over a window is divided by.
__device__ real window_size(Axis d, Axis h, Axis w, int od, int oh, int ow, int include_pad,
                            int divisor)
{
    if (divisor) return real(divisor);
    return real(d.size(od, include_pad)) * real(h.size(oh, include_pad)) *
           real(w.size(ow, include_pad));
}

extern "C" __global__ void avg_pool_forward(const real* X, index rows, int D, int H, int W, int C,
                                            int OD, int OH, int OW, int KD, int KH, int KW, int SD,
                                            int SH, int SW, int PD, int PH, int PW, int include_pad,
                                            int divisor, real* Y)
{
    Axis d = {D, OD, KD, SD, PD, 1}, h = {H, OH, KH, SH, PH, 1}, w = {W, OW, KW, SW, PW, 1};
    int across = OW * C;
    for (index m = blockIdx.x; m < rows; m += gridDim.x) {
        int oh = m % OH, od = m / OH % OD;
        index n = m / OH / OD;
        for (int j = threadIdx.x; j < across; j += blockDim.x) {
            int ow = j / C, c = j % C;
            real sum = 0;
            EACH_TAP(d, od, kd, xd) EACH_TAP(h, oh, kh, xh) EACH_TAP(w, ow, kw, xw)
            sum += X[(((n * D + xd) * H + xh) * W + xw) * C + c];
            Y[m * across + j] = sum / window_size(d, h, w, od, oh, ow, include_pad, divisor);
        }
    }
}

extern "C" __global__ void avg_pool_backward(const real* dY, index rows, int D, int H, int W, int C,
                                             int OD, int OH, int OW, int KD, int KH, int KW, int SD,
                                             int SH, int SW, int PD, int PH, int PW,
                                             int include_pad, int divisor, real* dX)
{
    Axis d = {D, OD, KD, SD, PD, 1}, h = {H, OH, KH, SH, PH, 1}, w = {W, OW, KW, SW, PW, 1};
    int across = W * C;
    for (index m = blockIdx.x; m < rows; m += gridDim.x) {
        int xh = m % H, xd = m / H % D;
        index n = m / H / D;
        for (int j = threadIdx.x; j < across; j += blockDim.x) {
            int xw = j / C, c = j % C;
            real sum = 0;
            EACH_WINDOW(d, od, xd) EACH_WINDOW(h, oh, xh) EACH_WINDOW(w, ow, xw)
            sum += dY[(((n * OD + od) * OH + oh) * OW + ow) * C + c] /
                   window_size(d, h, w, od, oh, ow, include_pad, divisor);
            dX[m * across + j] = sum;
        }
    }
}
