"""`gaudi-box sweep`: rows that agree with explain, CSV that a reader understands, a picture that is XML."""

import csv
import io
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest

from device.cli import main
from device.cost import GemmShape
from device.errors import GraphError
from device.graph.explain_gemm import explain_gemm
from device.graph.sweep import parse_sizes, sweep, sweep_csv
from device.graph.sweep_plot import sweep_svg
from device.spec import MmeType, load_spec

GAUDI2, GAUDI3 = load_spec("gaudi2"), load_spec("gaudi3")


def test_sizes() -> None:
    assert parse_sizes("7") == (7,)
    assert parse_sizes("256,100") == (256, 100)
    assert parse_sizes("256:2048") == (256, 512, 1024, 2048)
    assert parse_sizes("10:31:10") == (10, 20, 30)
    for text in ("", "a", "1:", "0:5", "1:5:0", "9:3", "1:1000000:1"):
        with pytest.raises(GraphError, match="size"):
            parse_sizes(text)


def test_a_row_says_what_explain_says() -> None:
    rows = sweep("16xsx4096", (512, 4096), MmeType.BF16, [GAUDI2, GAUDI3])
    assert [(row.chip, row.n) for row in rows] == [("gaudi2", 512), ("gaudi2", 4096), ("gaudi3", 512), ("gaudi3", 4096)]
    found = explain_gemm(GemmShape(16, 4096, 4096), MmeType.BF16, GAUDI2)
    assert found.settled is not None
    assert (rows[1].geometry, rows[1].cycles) == (found.winner.geometry, found.winner.cycles)
    assert rows[1].full_clock_us == found.full_clock.seconds * 1e6
    assert rows[1].clock_ratio == found.settled.ratio


def test_a_template_without_the_letter_is_refused() -> None:
    with pytest.raises(GraphError, match="'16x16x16' has no 's' to put the sizes in"):
        sweep("16x16x16", (1,), MmeType.BF16, [GAUDI2])


def test_csv_has_a_header_and_a_row_for_each_chip_and_size() -> None:
    rows = list(csv.DictReader(io.StringIO(sweep_csv(sweep("sxsxs", (256, 512), MmeType.FP8, [GAUDI2, GAUDI3])))))
    assert [row["size"] for row in rows] == ["256", "512"] * 2
    assert all(0.0 < float(row["macs_in_use"]) <= 1.0 for row in rows)


def test_the_picture_has_a_line_a_chip_and_clock_within_its_frame() -> None:
    rows = sweep("sxsxs", parse_sizes("256:8192:512"), MmeType.BF16, [GAUDI2, GAUDI3])
    root = ElementTree.fromstring(sweep_svg("<a & b>", rows))
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 4
    for line in lines:
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 900 and 0 <= y <= 480
    labels = [text for text in root.findall("{http://www.w3.org/2000/svg}text") if text.get("text-anchor") == "middle"]
    places = sorted(float(text.attrib["x"]) for text in labels if (text.text or "").isdigit())
    assert all(b - a >= 50 for a, b in pairwise(places))


def test_command_writes_csv_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, picture = tmp_path / "a.csv", tmp_path / "a.svg"
    arguments = ["sweep", "sxsxs", "--sizes", "256:1024", "--chip", "gaudi2"]
    assert main([*arguments, "-o", str(table), "--plot", str(picture)]) == 0
    assert capsys.readouterr().out == ""
    assert main(arguments) == 0
    assert capsys.readouterr().out == table.read_text()
    assert picture.read_text().startswith("<svg ")
    assert main(["sweep", "sxsxs", "--dtype", "i4"]) == GraphError.exit_status
    assert main([*arguments, "-o", str(tmp_path / "missing" / "a.csv")]) == 1
