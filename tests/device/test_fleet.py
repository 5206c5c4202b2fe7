"""Fleet files: many boxes of one description, each with cards of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.errors import SpecError
from device.fleet import is_fleet, read_fleet

FLEET = """
[fleet]
key = "dc-west"
[[boxes]]
name = "node-{n}"
count = 3
first = 5
release = "1.22"
[[boxes]]
name = "gaudi3"
template = "hls3"
key = "mine"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    return path


def test_boxes_have_names_releases_and_keys_of_their_own(tmp_path: Path) -> None:
    path = written(tmp_path, FLEET)
    assert is_fleet(path)
    boxes = read_fleet(path)
    assert [(box.name, box.spec.type, box.spec.release.name, box.spec.key) for box in boxes] == [
        ("node-5", "hls2", "1.22", "dc-west/node-5"),
        ("node-6", "hls2", "1.22", "dc-west/node-6"),
        ("node-7", "hls2", "1.22", "dc-west/node-7"),
        ("gaudi3", "hls3", "1.24", "mine"),
    ]


def test_a_template_may_be_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "rack.toml").write_text('[box]\nbase = "hls2"\ntype = "rack"\n')
    (box,) = read_fleet(written(tmp_path, '[[boxes]]\nname = "a"\ntemplate = "rack.toml"\n'))
    assert (box.spec.type, box.spec.key) == ("rack", "fleet/a")
    assert not is_fleet(tmp_path / "rack.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("boxes = []", r"boxes: has to be an array of tables"),
        ("[[boxes]]", r"boxes\[0\]\.name: has to be a text"),
        ('[[boxes]]\nname = "a"\ncuont = 2', r"boxes\[0\]\.cuont: is unknown"),
        ('[[boxes]]\nname = "a"\ncount = 2', r"boxes\[0\]\.name: 'a' needs a \{n\} to name 2 boxes"),
        ('[[boxes]]\nname = "a/b"', r"boxes\[0\]\.name: 'a/b' is no name"),
        ('[[boxes]]\nname = "a"\n[[boxes]]\nname = "a"', r"boxes: two of them have the name 'a'"),
        ('[[boxes]]\nname = "a"\ncount = 0', r"boxes\[0\]\.count: has to be a whole number from 1 to 1024"),
        ('[[boxes]]\nname = "{n}"\ncount = 600\n[[boxes]]\nname = "b{n}"\ncount = 600', r"boxes: are 1200"),
        ("[fleet]\nkee = 1", r"fleet\.kee: is unknown"),
    ],
)
def test_a_mistake_names_file_key_and_reason(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SpecError, match=rf"^{path}: {message}"):
        read_fleet(path)


@pytest.mark.parametrize("text", ['[[boxes]]\nname = "a"\ntemplate = "hsl2"', '[[boxes]]\nname = "a"\nrelease = "1.2"'])
def test_slips_in_templates_and_releases_get_a_proposal(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpecError, match="did you mean"):
        read_fleet(written(tmp_path, text))
