"""Runs that are killed at random moments and resumed end with the same bits."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

RUNS = 30
TRAIN = (sys.executable, "-m", "gpunet", "train")
SETTINGS = ("digits", "--device", "cpu", "--epochs", "4", "--batch-size", "64", "--seed", "3")


def command(folder, every):
    """What starts the run in `folder`, or goes on with it if there is one."""
    if (folder / "config.json").exists():
        return [*TRAIN, "--resume", str(folder), "--checkpoint-every", every]
    return [*TRAIN, *SETTINGS, "--out", str(folder), "--checkpoint-every", every]


def started(folder, every):
    return subprocess.Popen(
        command(folder, every), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def killed_and_resumed(folder, number, seconds):
    """Kill the run up to three times, at least once, and let it end; how often it was killed."""
    moments = random.Random(number)
    kills, wanted = 0, moments.choice([1, 2, 3])
    while kills < wanted:
        # A checkpoint after every step, after some of them, hardly ever.
        process = started(folder, moments.choice(["0", "0.02", "0.2", "30"]))
        if kills == 0 or moments.random() < 0.7:  # while it trains; otherwise at any time
            while not (folder / "config.json").exists() and process.poll() is None:
                time.sleep(0.001)
        time.sleep(moments.uniform(0, 1) * seconds)
        process.kill()
        _, complaint = process.communicate(timeout=300)
        assert process.returncode in (0, -9), complaint
        if process.returncode == -9:
            kills += 1
        elif kills:
            break
        else:  # too late: once more, from the beginning
            shutil.rmtree(folder)
            seconds *= 0.7
    process = started(folder, "30")
    _, complaint = process.communicate(timeout=300)
    assert process.returncode == 0, complaint
    return kills


@pytest.mark.slow
def test_thirty_runs_end_with_the_same_bits(tmp_path):
    seconds = []
    for _ in range(2):  # the first one compiles kernels
        begin = time.perf_counter()
        subprocess.run(
            [*TRAIN, *SETTINGS, "--out", str(tmp_path / f"whole{len(seconds)}")],
            check=True, capture_output=True,
        )  # fmt: skip
        seconds.append(time.perf_counter() - begin)
    whole = (tmp_path / "whole1" / "model.safetensors").read_bytes()
    folders = [tmp_path / str(number) for number in range(RUNS)]
    with ThreadPoolExecutor(2) as pool:
        kills = list(pool.map(killed_and_resumed, folders, range(RUNS), [seconds[1]] * RUNS))
    for folder in folders:
        assert (folder / "model.safetensors").read_bytes() == whole, folder
        assert not list(folder.glob(".*.tmp"))
    assert min(kills) >= 1
