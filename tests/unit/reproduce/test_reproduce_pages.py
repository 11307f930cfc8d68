"""One command makes a page: what stands on it, and what bad options get."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from tools.reproduce.__main__ import TABLES, main
from tools.reproduce.faults import ReproductionError
from tools.reproduce.index import BEGIN, END, listed, update_index
from tools.reproduce.page import mean_text, seconds_text

RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results"


@pytest.fixture
def photographs(tmp_path):
    import cv2

    folder = tmp_path / "photographs"
    folder.mkdir()
    for index in range(3):
        coarse = np.random.default_rng(index).integers(0, 256, (10, 10, 3), np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC))
    return folder


def made(name, tmp_path, *options):
    places = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main([name, *options, *places]) == 0
    page = (tmp_path / "out" / f"{name}.md").read_text("utf-8")
    with (tmp_path / "out" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return page, list(csv.DictReader(file))


def cells_of(page, row):
    lines = [line for line in page.splitlines() if line.startswith(f"| `{row}` |")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def test_table1_states_each_figures_number_of_images_and_the_papers_beside(tmp_path, photographs):
    page, rows = made(
        "table1",
        tmp_path,
        *("--data", str(photographs), "--images", "3", "--rates", "0.1", "--masks", "random", "laplacian", "airs"),
        *("--methods", "harmonic", "linear", "--cap", "linear=2", "--reference", "random"),
    )
    random, *_ = cells_of(page, "random")
    assert re.fullmatch(r"\d+\.\d\d \(3\)", random[1])
    assert random[2] == "19.88"
    assert re.fullmatch(r"\d+\.\d\d \(2\)", random[3])
    _, laplacian_less_random = cells_of(page, "laplacian")
    assert re.fullmatch(r"[+-]\d+\.\d\d ± \d+\.\d\d \(3\)", laplacian_less_random[1])
    assert [(row["mask"], row["method"], row["n"], row["paper_db"]) for row in rows][:2] == [
        ("random", "harmonic", "3", "19.88"),
        ("random", "linear", "2", ""),
    ]


def test_several_processes_find_what_one_does(tmp_path, photographs):
    options = (
        "--data",
        str(photographs),
        "--images",
        "2",
        "--rates",
        "0.1",
        "--masks",
        "random",
        "--methods",
        "linear",
    )
    alone = main(["table1", *options, "--out", str(tmp_path / "a"), "--cache", str(tmp_path / "one")])
    shared = main(["table1", *options, "--out", str(tmp_path / "b"), "--cache", str(tmp_path / "two"), "--jobs", "2"])
    assert alone == shared == 0
    figures = []
    for folder in ("a", "b"):
        with (tmp_path / folder / "table1.csv").open(encoding="utf-8", newline="") as file:
            figures.append([row["psnr_db"] for row in csv.DictReader(file)])
    assert figures[0] == figures[1]


def test_table4_says_which_networks_were_not_given(tmp_path, photographs):
    page, _ = made(
        "table4",
        tmp_path,
        *("--data", str(photographs), "--images", "2", "--methods", "harmonic"),
        *("--masks", "random", "netm-sequential", "netm-rand-init-joint", "--reference", "random"),
    )
    assert "- `netm-sequential`: no network was given: `--network netm-sequential=FILE.onnx`." in page
    assert cells_of(page, "netm-rand-init-joint")[0] == ["`netm-rand-init-joint`", "–", "19.87", "–", ""]


def test_figure9_reports_each_painting_and_the_mean_in_pairs(tmp_path, photographs):
    (photographs / "notes.txt").write_text("no painting")
    page, rows = made(
        "figure9",
        tmp_path,
        *("--data", str(photographs), "--side", "40", "--masks", "random", "laplacian", "--methods", "harmonic"),
        *("--reference", "random"),
    )
    assert "- `notes.txt`: cannot be read." in page
    assert re.search(r"^\| 0.png \| 40 x 40 \| \d+\.\d\d \| \d+\.\d\d \|$", page, flags=re.MULTILINE)
    assert {row["painting"] for row in rows} == {"0.png", "1.png", "2.png"}


def test_two_paintings_whose_files_differ_in_the_ending_alone_keep_a_figure_each(tmp_path, photographs):
    import cv2

    cv2.imwrite(str(photographs / "0.bmp"), cv2.imread(str(photographs / "1.png")))
    _, rows = made(
        "figure9",
        tmp_path,
        *("--data", str(photographs), "--side", "40", "--masks", "grid", "--methods", "harmonic", "--reference"),
    )
    db = {row["painting"]: row["psnr_db"] for row in rows}
    assert list(db) == ["0.bmp", "0.png", "1.png", "2.png"]
    # a grid does not look at the seed, and the copy is of the same pixels
    assert db["0.bmp"] == db["1.png"] != db["0.png"]


def test_the_portrait_states_the_spread_over_seeds(tmp_path):
    maps = np.random.default_rng(0).random((24, 30, 2)).astype(np.float32)
    photograph = np.random.default_rng(1).integers(0, 256, (24, 30, 3), np.uint8)
    np.savez(tmp_path / "maps.npz", maps=maps, elements=["Fe", "Pb"], rgb=photograph)
    page, rows = made(
        "portrait",
        tmp_path,
        *("--data", str(tmp_path / "maps.npz"), "--seeds", "3", "--rates", "0.2", "--masks", "random", "grid"),
        *("--methods", "linear", "--reference", "random"),
    )
    assert re.fullmatch(r"\d+\.\d\d ± \d+\.\d\d \(3\)", cells_of(page, "random")[0][1])
    assert re.fullmatch(r"\d+\.\d\d \(1\)", cells_of(page, "grid")[0][1])
    random, grid = rows
    assert f"{float(random['psnr_db']):.2f} ± {float(random['psnr_sd_db']):.2f} (3)" == cells_of(page, "random")[0][1]
    assert (random["n"], grid["n"], grid["psnr_sd_db"]) == ("3", "1", "")
    assert not [column for column in random if column.startswith("less_")]
    assert "| aim of `netm` | 37.6 |" in page


@pytest.fixture
def hands(tmp_path):
    """Counts of two windows, as the measured ones lie in their folder."""
    folder = tmp_path / "measured" / "maxrf_hands"
    folder.mkdir(parents=True)
    y, x = np.mgrid[:24, :30]
    expected = np.stack([400 + 300 * np.sin(x / 4), 200 + 150 * np.cos(y / 5)], axis=2)
    np.savez(folder / "prova1_maps.npz", gross=np.random.default_rng(0).poisson(expected).astype(np.float32))
    return folder.parent


def test_table2_states_rmse_its_psnr_and_the_angle_of_each_specimen(tmp_path, hands):
    options = ("--data", str(hands), "--stacks", "hands", "hands-thinned", "--rates", "0.2", "--seeds", "2")
    page, rows = made("table2", tmp_path, *options, "--masks", "random", "netm", "--methods", "linear", "kriging")
    whole, thinned = (row for row in cells_of(page, "random") if "(2)" in row[1])
    assert re.fullmatch(r"0\.\d{4}, \d+\.\d\d, \d+\.\d\d \(2\)", whole[1])
    # a tenth of the photons, held against other photons, are further off
    assert float(whole[2].split(",")[0]) < float(thinned[2].split(",")[0])
    # no photograph, no mask that looks at one
    assert {row["mask"] for row in rows} == {"random"}
    linear = rows[0]
    assert -20 * np.log10(float(linear["rmse"])) == pytest.approx(float(linear["psnr_of_rmse_db"]), abs=0.1)


def test_a_page_names_versions_and_processor_but_no_place_on_a_machine(tmp_path, photographs):
    page, _ = made(
        "table1",
        tmp_path,
        *("--data", str(photographs), "--images", "1", "--rates", "0.1", "--masks", "random", "--methods", "linear"),
    )
    assert re.search(r"^- Seconds taken on: .+, \d+ cores?\.$", page, flags=re.MULTILINE)
    assert "numpy" in page
    assert str(tmp_path) not in page


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--images", "0"], "--images 0: give a whole number from 1"),
        (["--seed", "-1"], "--seed -1: give a whole number from 0"),
        (["--jobs", "-1"], "--jobs -1: give a whole number from 1"),
        (["--masks", "telepathy"], "--masks telepathy: not in this table: choose from random, "),
        (["--masks", "random", "random"], "--masks random: stands there twice: give each once"),
        (["--methods", "telepathy"], "--methods telepathy: not in this table: choose from nete, "),
        (["--rates", "0.3"], "--rates 0.3: not in this table: choose from 0.05, 0.1, 0.2"),
        (["--reference", "telepathy"], "--reference telepathy: not in this table: choose from random, "),
        (["--network", "netm-code"], "--network netm-code: give each row once, as NAME=FILE.onnx"),
        (["--network", "other=x.onnx"], "--network other: not in this table: choose from netm-code"),
        (["--network", "netm-code=nowhere.onnx"], "nowhere.onnx: there is no mask network"),
        (["--cap", "kbas=many"], "--cap kbas=many: give it as NAME=N with a whole number from 1"),
        (["--cap", "telepathy=3"], "--cap telepathy: not in this table: choose from random, "),
        (["--data", "nowhere.tar"], "nowhere.tar: no such folder or archive of photographs"),
    ],
)
def test_a_bad_option_gets_one_sentence(tmp_path, capsys, options, sentence):
    places = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main(["table1", *options, *places]) == 2
    error = capsys.readouterr().err
    assert error.startswith(sentence)
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_page_names_what_its_reconstructions_approximate(tmp_path, photographs):
    page, _ = made(
        "figure9",
        tmp_path,
        *("--data", str(photographs), "--images", "1", "--side", "16", "--masks", "random", "--reference"),
        *("--methods", "harmonic", "mumford-shah", "bpfa"),
    )
    _, _, closing = page.partition("## What is approximated")
    stated = closing.partition("## ")[0]
    assert re.findall(r"^- `([\w-]+)`: approximated: ", stated, flags=re.MULTILINE) == ["mumford-shah", "bpfa"]


def test_an_unknown_table_is_named(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["table99"])
    assert stopped.value.code == 2
    assert "table99" in capsys.readouterr().err


def test_a_mean_over_nothing_is_a_dash():
    assert mean_text([]) == seconds_text([]) == "–"


@pytest.mark.parametrize(("seconds", "text"), [([0.0123, 0.5, 0.0125], "0.013 (3)"), ([123.4], "123 (1)")])
def test_seconds_are_a_median_of_two_figures_without_an_exponent(seconds, text):
    assert seconds_text(seconds) == text


def test_the_index_lists_the_pages_that_there_are(tmp_path):
    (tmp_path / "README.md").write_text(f"# Results\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n")
    (tmp_path / "table1.md").write_text("# Table I: masks\n\nmore\n")
    update_index(tmp_path, ["table1", "table4"])
    between = "- [Table I: masks](table1.md), and as [CSV](table1.csv)"
    assert (tmp_path / "README.md").read_text() == f"# Results\n\n{BEGIN}\n\n{between}\n\n{END}\n\nafter\n"


@pytest.mark.parametrize("name", ["README.md", "table1.md"])
def test_a_text_beside_the_pages_that_is_not_utf8_is_said_in_one_sentence(tmp_path, name):
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}\n")
    (tmp_path / name).write_bytes(b"# Stra\xdfe\n")
    with pytest.raises(ReproductionError, match=f"{name}: is not UTF-8: save it as that, or give another --out"):
        update_index(tmp_path, ["table1"])


def test_an_index_that_may_not_be_read_is_said_in_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}\n")

    def refuse(*_arguments, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(ReproductionError, match=r"README.md: cannot be read \(Permission denied\): give another --out"):
        update_index(tmp_path, [])


def test_the_repositorys_index_names_every_command_and_lists_every_page():
    text = (RESULTS / "README.md").read_text("utf-8")
    assert re.findall(r"\| `python -m tools.reproduce ([\w-]+)` \|", text) == list(TABLES)
    assert listed(RESULTS, list(TABLES)) == text.partition(BEGIN)[2].partition(END)[0].strip()
