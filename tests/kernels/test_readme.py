"""The index in kernels/README.md says what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gpunet.kernels import cpu, cuda, reference

ROOT = Path(__file__).parents[2]
README = ROOT / "kernels" / "README.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+) \| (.+) \| \[(.+)\]\((.+)\) \|$", re.MULTILINE)
ROWS = {name: rest for name, *rest in ROW.findall(README.read_text())}


def test_every_kernel_has_a_row_in_the_section_of_its_family():
    sections = re.split(r"^### (\w+):", README.read_text(), flags=re.MULTILINE)[1:]
    found = {
        family: {row[0] for row in ROW.findall(text)}
        for family, text in zip(sections[::2], sections[1::2])
    }
    assert found == {
        family.__name__.rpartition(".")[2]: set(family.__all__) for family in reference.FAMILIES
    }


@pytest.mark.parametrize("name", reference.KERNELS)
def test_the_forms_are_the_real_ones(name):
    forms = ["reference"]
    if name in cpu.SMALLEST_WORK:
        forms.append(f"Numba from {cpu.SMALLEST_WORK[name]:,}")
    if name in cuda.KERNELS:
        forms.append("CUDA")
    assert ROWS[name][1] == ", ".join(forms)


@pytest.mark.parametrize("name", reference.KERNELS)
def test_the_kernel_is_used_where_the_row_says(name):
    shown, link = ROWS[name][2:]
    assert link == f"../gpunet/{shown}"
    assert re.search(rf"\b{name}\b", (ROOT / "gpunet" / shown).read_text())


def test_the_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", README.read_text())
    assert [link for link in links if not (README.parent / link).exists()] == []
