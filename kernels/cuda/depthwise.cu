// Depthwise convolution of images of shape (N, D, H, W, C); channel c has the m filters c m to
// c m + m - 1 of O = C m in all.
//
// Forward and backward to the input: blocks of (x, y) threads, where y walks pixels, whose place is
// then worked out once, and x their channels, so that neighbouring threads read neighbouring memory.
// The overlap of windows is left to the caches.

extern "C" __global__ void depthwise_forward(const real* X, const real* weight, const real* bias,
                                             int biased, index places, index D, index H, index W,
                                             int C, int m, int KD, int KH, int KW, index OD,
                                             index OH, index OW, int sd, int sh, int sw, int pd,
                                             int ph, int pw, int dd, int dh, int dw, int act,
                                             real* Y)
{
    int O = C * m;
    for (index p = (index)blockIdx.x * blockDim.y + threadIdx.y; p < places;
         p += (index)gridDim.x * blockDim.y) {
        index line = p / OW, plane = line / OH, n = plane / OD;
        index w0 = p % OW * sw - pw, h0 = line % OH * sh - ph, d0 = plane % OD * sd - pd;
        for (int o = threadIdx.x; o < O; o += blockDim.x) {
            real sum = biased ? bias[o] : real(0);
            for (int kd = 0; kd < KD; kd++) {
                index d = d0 + (index)kd * dd;
                if (d < 0 || d >= D) continue;
                for (int kh = 0; kh < KH; kh++) {
                    index h = h0 + (index)kh * dh;
                    if (h < 0 || h >= H) continue;
                    for (int kw = 0; kw < KW; kw++) {
                        index w = w0 + (index)kw * dw;
                        if (w < 0 || w >= W) continue;
                        index pixel = ((n * D + d) * H + h) * W + w;
                        index tap = ((index)kd * KH + kh) * KW + kw;
                        sum += X[pixel * C + o / m] * weight[tap * O + o];
                    }
                }
            }
            Y[p * O + o] = activate(sum, act);
        }
    }
}

extern "C" __global__ void depthwise_backward_input(const real* dY, const real* weight,
                                                    index pixels, index D, index H, index W, int C,
                                                    int m, int KD, int KH, int KW, index OD,
                                                    index OH, index OW, int sd, int sh, int sw,
                                                    int pd, int ph, int pw, int dd, int dh, int dw,
                                                    real* dX)
{
    int O = C * m;
    for (index pixel = (index)blockIdx.x * blockDim.y + threadIdx.y; pixel < pixels;
         pixel += (index)gridDim.x * blockDim.y) {
        index w = pixel % W, h = pixel / W % H, plane = pixel / (W * H);
        index d = plane % D, n = plane / D;
        for (int c = threadIdx.x; c < C; c += blockDim.x) {
            real sum = 0;
            for (int kd = 0; kd < KD; kd++) {
                index od = d + pd - (index)kd * dd;
                if (od < 0 || od % sd || od >= OD * sd) continue;
                for (int kh = 0; kh < KH; kh++) {
                    index oh = h + ph - (index)kh * dh;
                    if (oh < 0 || oh % sh || oh >= OH * sh) continue;
                    index line = (n * OD + od / sd) * OH + oh / sh;
                    for (int kw = 0; kw < KW; kw++) {
                        index ow = w + pw - (index)kw * dw;
                        if (ow < 0 || ow % sw || ow >= OW * sw) continue;
                        index place = (line * OW + ow / sw) * O;
                        index tap = (((index)kd * KH + kh) * KW + kw) * O;
                        for (int o = c * m; o < c * m + m; o++)
                            sum += dY[place + o] * weight[tap + o];
                    }
                }
            }
            dX[pixel * C + c] = sum;
        }
    }
}

// partial[tap, slice, o]: the sum over the slice's places (see columns.cuh), for tap blockIdx.z.
extern "C" __global__ void depthwise_backward_weight(const real* X, const real* dY, index M,
                                                     index D, index H, index W, int C, int m,
                                                     int KH, int KW, index OD, index OH, index OW,
                                                     int sd, int sh, int sw, int pd, int ph, int pw,
                                                     int dd, int dh, int dw, index chunk,
                                                     real* partial)
{
    __shared__ real shared[8][33];
    index O = (index)C * m, o = (index)blockIdx.x * 32 + threadIdx.x;
    int tap = blockIdx.z;
    index w0 = (index)(tap % KW) * dw - pw, h0 = (index)(tap / KW % KH) * dh - ph;
    index d0 = (index)(tap / (KW * KH)) * dd - pd;
    real sum = 0;
    if (o < O) {
        EACH_OF_MY_ROWS(p)
        {
            index line = p / OW, plane = line / OH, n = plane / OD;
            index w = w0 + p % OW * sw, h = h0 + line % OH * sh, d = d0 + plane % OD * sd;
            if (d < 0 || d >= D || h < 0 || h >= H || w < 0 || w >= W) continue;
            index pixel = ((n * D + d) * H + h) * W + w;
            sum += X[pixel * C + o / m] * dY[p * O + o];
        }
    }
    sum = column_sum(sum, shared);
    if (threadIdx.y == 0 && o < O) partial[((index)tap * gridDim.y + blockIdx.y) * O + o] = sum;
}

extern "C" __global__ void depthwise_totals(const real* partial, index slices, index O, real* dW)
{
    __shared__ real shared[8][33];
    index o = (index)blockIdx.x * 32 + threadIdx.x, tap = blockIdx.y;
    real sum = column_total(partial + tap * slices * O, slices, O, o, shared);
    if (threadIdx.y == 0 && o < O) dW[tap * O + o] = sum;
}
