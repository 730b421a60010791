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
