#!/usr/bin/env bash
# Everything that only a real NVIDIA GPU can tell, in one call of under 10 minutes.
#
#     pip install -e '.[cuda13,test]' torch     # or cuda12; PyTorch is compared with where it is
#     benchmarks/gpu.sh
#
# The results go to $OUT, or to benchmarks/results/<date>-<gpu>. Every part runs, whatever became of
# the others; the exit status says whether all passed.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}

gpu=$($python -c 'import gpunet; print(gpunet.cuda.get_device_name().replace(" ", "-"))' 2>/dev/null) || {
    echo "no usable GPU:" >&2
    $python -m gpunet info >&2
    exit 1
}
out=${OUT:-benchmarks/results/$(date +%F)-$gpu}
mkdir -p "$out"
failed=0

part() {  # name, seconds at most, command ...
    local name=$1 limit=$2 begin=$SECONDS status=0
    shift 2
    timeout "$limit" "$@" >"$out/$name.txt" 2>&1 || status=$?
    echo "$name: status $status, $((SECONDS - begin)) s" | tee -a "$out/summary.txt"
    [ "$status" = 0 ] || { failed=1; tail -n 20 "$out/$name.txt"; }
}

: >"$out/summary.txt"
part info 30 $python -m gpunet info
part machine 30 $python -m benchmarks machine --out "$out"
part gpu_tests 90 $python -m pytest --cuda=real -m gpu -rs tests
part digits 60 $python -m gpunet train digits --device cuda --out "$out/digits"
part mlp 120 $python -m benchmarks mlp --device cuda --rounds 3 --seconds 0.5 --out "$out"
part bandwidth 40 $python -m benchmarks bandwidth --out "$out"
part tests 220 $python -m pytest --cuda=real -m 'not gpu' --durations=15 tests
exit $failed
