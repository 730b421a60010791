import numpy as np
import pytest

from fitting.inputs.keypoint_files import read_keypoints


def people(rows, key="pose_keypoints_2d"):
    return [{"person_id": [-1], key: rows, "face_keypoints_2d": None, "pose_keypoints_3d": []}]


@pytest.mark.parametrize(
    ("order", "more", "format"),
    [
        ("body_25", 0, "openpose"),
        ("body_25b", 0, "openpose"),
        ("body_25b", 110, "openpose"),
        ("coco_18", 0, "coco"),
        ("halpe", 0, "openpose"),
        ("halpe", 110, "openpose"),
    ],
)
def test_layouts_of_openpose_and_pose2sim(write, figures, order, more, format):
    rows = figures.rows(order, more=more)
    for values in (rows, figures.flat(rows)):
        keypoints = read_keypoints(write({"version": 1.3, "people": people(values)}))
        assert keypoints.format == format
        assert figures.same(keypoints)


def with_hands(figures, order, face, points):
    """Rows of a figure, ``face`` points, and hands of 20 or 21 points: the left at 1, 2, ..., the right at 51, ..."""
    hands = [[float(first + point), 7.0, 0.8] for first in (1, 51) for point in range(points)]
    of_face = [[300.0, 110.0, 0.5]] * face
    body = figures.rows(order)
    return body + hands + of_face if order == "body_25b" else body + of_face + hands


@pytest.mark.parametrize(("order", "face"), [("coco_feet", 68), ("halpe", 68)])
def test_hands_in_the_list_of_the_body(write, figures, order, face):
    hands = read_keypoints(write({"people": people(with_hands(figures, order, face, 21))})).hands
    assert hands.xy[0, :, :, 0].tolist() == [list(range(1, 22)), list(range(51, 72))]
    assert np.allclose(hands.confidence, 0.8)


def test_hands_of_body_135_have_the_wrists_of_the_body(write, figures):
    """OpenPose's BODY_135: BODY_25B, 20 points of each hand from the thumb on, 70 of the face."""
    rows = with_hands(figures, "body_25b", 70, 20)
    keypoints = read_keypoints(write({"people": people(rows)}))
    assert figures.same(keypoints)
    left, right = keypoints.hands.xy[0]
    assert left[:, 0].tolist() == [370, *range(1, 21)]
    assert right[:, 0].tolist() == [230, *range(51, 71)]
    assert (left[0, 1], right[0, 1]) == (330, 330)
    assert np.allclose(keypoints.hands.confidence[0, :, 1:], 0.8)


def test_a_wrist_alone_is_no_hand_of_body_135(write, figures):
    rows = with_hands(figures, "body_25b", 70, 20)
    for row in rows[25:45]:
        row[2] = 0.0
    assert read_keypoints(write({"people": people(rows)})).hands.found.tolist() == [[False, True]]


def test_the_key_of_old_versions(write, figures):
    rows = figures.flat(figures.rows("coco_18"))
    assert figures.same(read_keypoints(write({"version": 1.1, "people": people(rows, "pose_keypoints")})))


def test_controlnet_with_pixels_or_parts_of_its_canvas(write, figures):
    rows = figures.rows("coco_18")
    canvas = {"canvas_width": 600, "canvas_height": 700}
    parts = [[x / 600, y / 700, score] for x, y, score in rows]
    for values in (rows, parts):
        file = write([{"people": people(figures.flat(values)), **canvas}])
        for size in (None, (600, 700)):
            assert figures.same(read_keypoints(file, "photo.jpg", size))
        assert read_keypoints(file, "photo.jpg", (1200, 1400)).xy[0, 0] == pytest.approx((600, 240))
        with pytest.raises(ValueError, match="a picture of 600 x 700 pixels, but the image has 700 x 600"):
            read_keypoints(file, "photo.jpg", (700, 600))


@pytest.mark.parametrize("width", [None, "x", 0, float("nan")])
def test_invalid_canvases_are_rejected(write, figures, width):
    file = {"people": people(figures.rows("coco_18")), "canvas_width": width, "canvas_height": 700}
    with pytest.raises(ValueError, match="canvas_width and canvas_height must be pixels"):
        read_keypoints(write([file]))


def test_several_canvases_are_several_images(write, figures):
    frames = [{"people": people(figures.rows("coco_18", shift=10 * frame))} for frame in range(3)]
    with pytest.raises(ValueError, match="covers 3 images with ids 0, 1, 2"):
        read_keypoints(write(frames))
    assert figures.same(read_keypoints(write(frames), "frame_2.png"), shift=20)


def test_alphapose_by_image_name(write, figures):
    rows = figures.rows("coco_18")
    opened = {"version": "AlphaPose v0.3", "people": people(figures.flat(rows))}
    cmu = {"version": "AlphaPose v0.3", "bodies": [{"joints": figures.flat(rows)}]}
    other = {"people": people(figures.flat(figures.rows("coco_18", shift=50)))}
    for file in ({"a.jpg": opened, "b.jpg": other}, {"a.jpg": cmu, "b.jpg": other}):
        assert figures.same(read_keypoints(write(file), "a.jpg", folder=["a.jpg", "b.jpg"]))
        assert figures.same(read_keypoints(write(file), "b.jpg"), shift=50)


@pytest.mark.parametrize("what", [{"0": 1}, None, ["a"], [[1]], "x"])
def test_people_must_be_a_list_of_objects(write, what):
    with pytest.raises(ValueError, match="people must be a list of objects"):
        read_keypoints(write({"people": what}))
