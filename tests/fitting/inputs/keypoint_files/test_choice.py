import pytest

from fitting.inputs.keypoint_files.choice import of_image
from fitting.inputs.keypoint_files.content import Content, Entry

FROM_0 = ["000000.jpg", "000001.jpg", "000002.jpg"]
FROM_1 = ["000001.jpg", "000002.jpg", "000003.jpg"]


def content(*images, table=()):
    """One entry for each image, with its index in the file as values."""
    return Content(
        [Entry(place, image=image if isinstance(image, tuple) else (image,)) for place, image in enumerate(images)],
        tuple(table),
    )


def chosen(content, image, folder=()):
    return [entry.values for entry in of_image(content, image, folder)]


def test_the_table_of_images_decides():
    shifted = content(1, 2, 3, table=zip((1, 2, 3), FROM_0, strict=True))
    for folder in ((), FROM_0):
        assert [chosen(shifted, name, folder) for name in FROM_0] == [[0], [1], [2]]
    assert chosen(shifted, 2) == chosen(shifted, "2") == [1]
    with pytest.raises(ValueError, match=r"no person for the image '000003\.jpg': its images are 000000\.jpg, 0"):
        of_image(shifted, "000003.jpg")


def test_an_image_of_the_table_without_people():
    with pytest.raises(ValueError, match=r"no person for the image 'b\.jpg'$"):
        of_image(content(1, table=((1, "a.jpg"), (2, "b.jpg"))), "b.jpg")


def test_an_id_of_zero():
    assert chosen(content(0, 1, table=((0, "a.jpg"), (1, "b.jpg"))), "a.jpg") == [0]
    assert chosen(content(0, 1, 2), "000000.jpg", FROM_0) == [0]
    assert chosen(content(0, 1), 0) == [0]


def test_file_names_with_folders():
    table = ((7, "images/default/a.jpg"), (8, "images/other/a.jpg"), (9, "images\\default\\b.jpg"))
    file = content(7, 8, 9, table=table)
    assert chosen(file, "b.jpg") == [2]
    assert chosen(file, "/home/me/default/a.jpg") == [0]
    with pytest.raises(ValueError, match=r"'a\.jpg' may be images/default/a\.jpg or images/other/a\.jpg"):
        of_image(file, "a.jpg")


def test_one_file_name_with_two_ids():
    with pytest.raises(ValueError, match=r"several ids for the image 'a\.jpg': 1, 2"):
        of_image(content(1, 2, table=((1, "a.jpg"), (2, "a.jpg"))), "a.jpg")


@pytest.mark.parametrize("references", [("a.jpg", "b.jpg"), ("a", "b"), ("x/a.jpg", "x/b.jpg"), ("a.png", "b.png")])
def test_names_in_place_of_ids(references):
    assert chosen(content(*references), "a.jpg", ["a.jpg", "b.jpg"]) == [0]
    with pytest.raises(ValueError, match=r"no person for the image 'c\.jpg': its people are on "):
        of_image(content(*references), "c.jpg")


def test_file_names_and_ids_of_the_same_kind_are_separate():
    assert chosen(content(("im_1.jpg", "im_1"), ("im_2.jpg", "im_2")), "im_2.jpg") == [1]


def test_a_list_of_one_named_image_is_not_of_every_image():
    assert chosen(content("a.jpg"), "a.jpg", ["a.jpg", "b.jpg"]) == [0]
    for folder in ((), ["a.jpg", "b.jpg"]):
        with pytest.raises(ValueError, match=r"no person for the image 'b\.jpg': its people are on a\.jpg"):
            of_image(content("a.jpg"), "b.jpg", folder)


def test_a_list_of_one_numbered_image_is_of_the_only_image():
    for image in ("photo.jpg", "IMG_1234.jpg", None):
        assert chosen(content(7, 7), image) == [0, 1]
    for image in ("000000000139.jpg", "COCO_val2014_000000000139.jpg", 8):
        with pytest.raises(ValueError, match="its ids are 7"):
            of_image(content(7), image)
    with pytest.raises(ValueError, match=r"no person for the image 'photo\.jpg': its people are on 7"):
        of_image(content(7), "photo.jpg", ["photo.jpg", "other.jpg"])
    with pytest.raises(ValueError, match=r"no person for the image 'IMG_3\.jpg': its ids are 7"):
        of_image(content(7), "IMG_3.jpg", ["IMG_3.jpg", "IMG_7.jpg"])


@pytest.mark.parametrize("name", ["000000000042.jpg", "COCO_val2014_000000000042.jpg", "frame_42.png", "42.jpg"])
@pytest.mark.parametrize("reference", [42, "42", "000000000042", "42.jpeg"])
def test_numbers_of_file_names_are_ids_where_nothing_else_is_there(name, reference):
    assert chosen(content(785, reference), name, [name, "000000000785.jpg"]) == [1]
    assert chosen(content(785, reference), name) == [1]


def test_a_part_of_a_large_set():
    assert chosen(content(*range(100, 200)), "000000000142.jpg", ["000000000142.jpg", "000000000150.jpg"]) == [42]


def test_counting_from_0_and_from_1_is_reported_with_both_readings():
    with pytest.raises(
        ValueError, match=r"id 1 may mean 000000\.jpg \(the first\) or 000001\.jpg \(of the same number\)"
    ):
        of_image(content(1, 2), "000001.jpg", FROM_0)
    with pytest.raises(ValueError, match=r"ids count from 0 and file names from 1: id 0 may mean 000001\.jpg"):
        of_image(content("0.jpg", "1.jpg", "2.jpg"), "000001.jpg", FROM_1)
    assert [chosen(content(1, 2, 3), name, FROM_1) for name in FROM_1] == [[0], [1], [2]]


def test_the_neighbours_of_one_image_determine_how_frames_are_counted(tmp_path):
    for name in FROM_0:
        (tmp_path / name).touch()
    assert chosen(content(0, 1), str(tmp_path / "000001.jpg")) == [1]
    with pytest.raises(ValueError, match="ids count from 1 and file names from 0"):
        of_image(content(1, 2), str(tmp_path / "000001.jpg"))


def test_people_of_no_image():
    nobodys = content((), ())
    assert chosen(nobodys, "a.jpg") == chosen(nobodys, "a.jpg", ["a.jpg"]) == chosen(nobodys, None) == [0, 1]
    with pytest.raises(ValueError, match="does not specify to which of the 2 images its people belong"):
        of_image(nobodys, "a.jpg", ["a.jpg", "b.jpg"])


def test_no_image_named_and_several_there():
    assert chosen(content("a", "a"), None) == [0, 1]
    with pytest.raises(ValueError, match=r"covers 6 images with ids 1, 2, 3, 4, 5, \.\.\.: select one"):
        of_image(content(1, 2, 3, 4, 5, 6), None)
