"""The page docs/browser/index.html in Chromium, without a network: its models give the numbers of PyTorch."""

import re
from pathlib import Path

import pytest
import torch

from qposer.prior.code_prior import CodePrior
from qposer.vposer import VPoserV2

PAGE = Path(__file__).resolve().parents[1] / "docs" / "browser" / "index.html"
TEMPLATE = Path(__file__).resolve().parents[1] / "tools" / "browser_page.html"
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def page():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    from tools.studio_browser import CHROMIUM, launch

    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = launch(driver)
        context = browser.new_context(viewport={"width": 900, "height": 600}, offline=True)
        opened = context.new_page()
        asked = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(PAGE.as_uri())
        opened.locator("#status", has_text=re.compile("decoded in|cannot run")).wait_for(timeout=PATIENCE_MS)
        assert opened.locator("#status").text_content().startswith("decoded in")
        assert {url.partition(":")[0] for url in asked} <= {"file", "blob", "data"}
        yield opened
        browser.close()


def test_the_page_is_the_template_with_its_parts_filled_in():
    said = re.sub(r"(?<=>)[A-Za-z0-9+/=]{1000,}(?=</script>)", "", PAGE.read_text(encoding="utf-8"))
    expected = re.sub(r"{{\w+}}", "", TEMPLATE.read_text(encoding="utf-8"))
    assert re.sub(r'(id="settings">).*?(?=</script>)', r"\1", said, flags=re.DOTALL) == expected


def test_its_size_is_that_of_a_photo_or_two():
    assert PAGE.stat().st_size < 10_000_000


def test_latents_decode_as_in_pytorch(page):
    latents = torch.randn(32, generator=torch.Generator().manual_seed(0))
    found = page.evaluate(
        "async latents => Array.from((await page.run.poseOfLatents(latents)).matrices)", latents.tolist()
    )
    expected = VPoserV2.from_pretrained().decode(latents[None])["pose_body_matrot"]
    torch.testing.assert_close(torch.tensor(found), expected.flatten(), atol=1e-5, rtol=0)


def test_codes_decode_and_encode_as_in_pytorch(page):
    model = CodePrior.from_pretrained().model
    pose = 0.3 * torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(0))
    codes = model.encode(pose).flatten().tolist()
    assert page.evaluate("pose => page.run.codesOfPose(pose)", pose.flatten().tolist()) == codes
    found = page.evaluate("async codes => Array.from(await page.run.poseOfCodes(codes))", codes)
    expected = model.decode(torch.tensor(codes).reshape(1, 21, 4))
    torch.testing.assert_close(torch.tensor(found), expected.flatten(), atol=1e-5, rtol=0)


def matrices(page):
    return page.evaluate("async () => { await page.settled(); return page.state.matrices; }")


def test_sliders_move_the_body(page):
    page.click("#neutral")
    neutral, picture = matrices(page), page.locator("canvas").screenshot()
    page.locator("#latents input").first.fill("2")
    assert matrices(page) != neutral
    assert page.locator("canvas").screenshot() != picture
    codes = page.evaluate("page.state.codes")
    page.select_option("#joint", label="right elbow")
    page.locator("#codes input").first.fill("0")
    matrices(page)
    changed = [now != before for now, before in zip(page.evaluate("page.state.codes"), codes, strict=True)]
    assert [index for index, one in enumerate(changed) if one] == [4 * 18]
