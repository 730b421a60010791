import pytest

from fitting.inputs.keypoint_files import read_keypoints

SIZE = (800, 640)


def columns(rows, scores=True):
    x, y, visible = map(list, zip(*rows, strict=True))
    return {"x": x, "y": y} | ({"visible": visible} if scores else {})


def parts(rows):
    return [[x / SIZE[0], y / SIZE[1], score] for x, y, score in rows]


@pytest.mark.parametrize("scores", [True, False])
def test_to_json(write, figures, scores):
    people = [{"name": "person", "class": 0, "keypoints": columns(rows, scores)} for rows in (figures.rows(),)]
    boxes = [{"name": "dog", "class": 16, "box": {"x1": 1}}, {"name": "person", "keypoints": {"x": [], "y": []}}]
    keypoints = read_keypoints(write(people + boxes), "photo.jpg", SIZE)
    assert len(keypoints) == 1
    assert figures.same(keypoints)
    assert keypoints.confidence[0] == pytest.approx(0.9 if scores else 1.0)


def test_to_json_normalised(write, figures):
    file = write([{"keypoints": columns(parts(figures.rows()))}])
    assert figures.same(read_keypoints(file, "photo.jpg", SIZE))
    with pytest.raises(ValueError, match="give the image size"):
        read_keypoints(file, "photo.jpg")


@pytest.mark.parametrize("change", [{"y": [1.0]}, {"visible": [1.0]}, {"x": 3}])
def test_lists_of_different_lengths(write, figures, change):
    with pytest.raises(ValueError, match="lists x, y and visible of equal length"):
        read_keypoints(write([{"keypoints": columns(figures.rows()) | change}]), "photo.jpg", SIZE)


@pytest.mark.parametrize("width", [2, 3])
@pytest.mark.parametrize("after", ["", " 0.87", " 0.87 4"])
def test_lines_of_text(write, figures, width, after):
    rows = [row[:width] for row in parts(figures.rows())]
    line = "0 0.5 0.5 0.1 0.4 " + " ".join(f"{value:.6f}" for row in rows for value in row) + after
    file = write(f"{line}\n{line}\n\n", "photo.txt")
    keypoints = read_keypoints(file, "photo.jpg", SIZE)
    assert len(keypoints) == 2
    assert figures.same(keypoints)
    with pytest.raises(ValueError, match="give the image size"):
        read_keypoints(file)


def test_lines_without_17_keypoints(write):
    with pytest.raises(ValueError, match=r"line 2 has 5 numbers, but a YOLO pose has .*: 56 or 39"):
        read_keypoints(write("0 " + "0.5 " * 55 + "\n0 0.5 0.5 0.1 0.4\n", "photo.txt"), "photo.jpg", SIZE)


@pytest.mark.parametrize("text", ["a photo of a person", "1 2 3", "0.5"])
def test_other_text(write, text):
    with pytest.raises(ValueError, match=r"not a JSON file|neither OpenPose"):
        read_keypoints(write(text, "photo.txt"), "photo.jpg", SIZE)
