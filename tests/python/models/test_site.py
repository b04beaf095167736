"""The site of the docs: what an analyst asks is answered within three clicks from its home."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect

from docs_site.build import SiteError, build
from hirehouse.contracts.model import load
from support.browser import browsing
from support.built import Built
from support.marts import MakeEnvironment

MEGABYTES, CLICKS = 15, 3


@pytest.fixture(scope="module")
def site(builds: dict[str, Built], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of a warehouse with three marketplaces."""
    out = tmp_path_factory.mktemp("site") / "site"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in builds["duckdb"].environment.items():
            patch.setenv(name, value)
        build(out, None, tmp_path_factory.mktemp("dbt"))
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with browsing() as context:
        yield context


@dataclass
class Reader:
    """Someone who starts at the home page; counts clicks."""

    page: Page
    home: str
    wrong: list[str] = field(default_factory=list)
    clicks: int = 0

    def start(self) -> Reader:
        self.clicks = 0
        self.page.goto(self.home)
        return self

    def click(self, name: str, role: str = "link", within: str = "body") -> Reader:
        self.clicks += 1
        self.page.locator(within).get_by_role(role, name=name, exact=True).first.click()  # type: ignore[arg-type]
        return self

    def look_for(self, words: str) -> Reader:
        """The first that is found for these words."""
        self.clicks += 1
        self.page.keyboard.press("/")
        self.page.keyboard.type(words)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(re.compile("(metrics|models|events|properties|boards)/"))
        return self

    def sees(self, *texts: str) -> None:
        assert self.clicks <= CLICKS
        for text in texts:
            expect(self.page.locator("main")).to_contain_text(text)


@pytest.fixture
def reader(browser: BrowserContext, site: Path) -> Iterator[Reader]:
    page = browser.new_page()
    reader = Reader(page, (site / "index.html").as_uri())

    def hear(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            reader.wrong.append(said.text)

    def watch(asked: Request) -> None:
        if not asked.url.startswith(("file:", "data:")):
            reader.wrong.append(asked.url)

    page.on("console", hear)
    page.on("pageerror", lambda error: reader.wrong.append(str(error)))
    page.on("request", watch)
    yield reader.start()
    assert reader.wrong == []
    page.close()


# What analysts ask.


def test_what_is_churn(reader: Reader) -> None:
    reader.look_for("churn").sees(
        "mrr_churn_ratio = ", "Finance analytics", "mf query --metrics mrr_churn_ratio"
    )


@pytest.mark.parametrize(
    ("words", "metric"),
    [
        ("retention", "net_revenue_retention"),
        ("acceptance rate", "interview_request_acceptance_ratio"),
        ("time to fill", "fill_ratio"),
        ("MRR", "mrr"),
    ],
)
def test_words_that_people_use_find_their_metric(reader: Reader, words: str, metric: str) -> None:
    reader.look_for(words).sees(f"{metric} = ")


def test_where_a_column_comes_from(reader: Reader) -> None:
    reader.look_for("fct_offers base_salary_reporting")
    row = reader.page.locator("tr#base_salary_reporting")
    expect(row.get_by_role("link", name="offer_extended.base_salary").first).to_be_visible()
    expect(row.get_by_role("link", name="currency_rates.rate").first).to_be_visible()
    expect(row).to_contain_text("gmv_monthly.gmv_reporting")


def test_is_an_event_healthy(reader: Reader) -> None:
    reader.click("Events").click("offer_extended")
    reader.sees("Landed in 28 days", "open", "Volume by day", "candidacy_id")
    expect(reader.page.locator(".plot svg")).to_be_visible()


def test_how_is_an_event_emitted(reader: Reader) -> None:
    reader.click("Events").click("position_opened").click("Python", "tab")
    reader.sees('event="position_opened"')
    expect(reader.page.get_by_role("tabpanel")).to_have_count(1)


def test_who_owns_recurring_revenue(reader: Reader) -> None:
    reader.look_for("mrr").sees("Finance analytics")


def test_what_breaks_if_a_property_changes(reader: Reader) -> None:
    reader.click("Events").click("employer_id", within=".cloud")
    reader.sees("What breaks if it changes", "fct_offers", "int_candidacies")


def test_which_rows_a_mart_has(reader: Reader) -> None:
    reader.click("Models").click("dim_employers").sees(
        "One row per employer", "Example rows", "Tests"
    )
    assert reader.page.locator("table.rows tbody tr").count() > 1


def test_which_boards_show_a_metric(reader: Reader) -> None:
    reader.click("Metrics").click("interview_request_acceptance_ratio").click(
        "Liquidity", within="main"
    )
    expect(reader.page.locator(".plot svg")).to_have_count(6)


def test_which_marts_belong_together(reader: Reader) -> None:
    reader.page.locator("a.card", has_text="Finance analytics").first.click()
    reader.clicks += 1
    reader.sees("Entities", "fct_placement_fees")
    expect(reader.page.locator("svg.diagram a")).not_to_have_count(0)


def test_how_fresh_is_it(reader: Reader) -> None:
    reader.sees("Newest batch", "Data as of", "Last build", "Open failures")


# The pages.


def test_personal_data_is_not_shown(site: Path) -> None:
    emails = [
        path.name
        for path in site.rglob("*.html")
        if re.search(r">[\w.+-]+@(?!example)[\w-]+\.\w+<", path.read_text())
    ]
    assert emails == []


def test_all_is_there_and_small(site: Path) -> None:
    events = {contract.table for contract in load().values()}
    assert {path.stem for path in (site / "events").iterdir()} == events | {"index"}
    assert len(list((site / "metrics").iterdir())) > 100
    assert sum(p.stat().st_size for p in site.rglob("*") if p.is_file()) < MEGABYTES * 1e6


def dead_links(site: Path) -> list[str]:
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    dead = []
    for path, text in pages.items():
        for target in set(re.findall(r'href="([^"#:]+)(?:#[^"]*)?"', text)):
            if not (path.parent / target).exists():
                dead.append(f"{path.relative_to(site)}: {target}")
    return dead


def test_links_lead_somewhere(site: Path, tmp_path: Path) -> None:
    assert dead_links(site) == []
    (tmp_path / "page.html").write_text('<a href="gone.html#x">gone</a>')
    assert dead_links(tmp_path) == ["page.html: gone.html"]


@pytest.mark.parametrize(
    ("theme", "name"),
    [
        ("light", "index"),
        ("light", "events/offer_extended"),
        ("dark", "events/offer_extended"),
        pytest.param("light", "models/fct_offers", marks=pytest.mark.every),
        pytest.param("dark", "boards/liquidity_review", marks=pytest.mark.every),
        pytest.param("dark", "metrics/mrr", marks=pytest.mark.every),
    ],
)
def test_it_is_accessible(reader: Reader, site: Path, theme: str, name: str) -> None:
    reader.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type] # a word of two
    reader.page.goto((site / f"{name}.html").as_uri())
    assert violations(reader.page) == ""


def test_text_that_is_hard_to_read_is_found(reader: Reader) -> None:
    reader.page.set_content("<main><h1 style='color: #999'>hirehouse</h1></main>")
    assert "color-contrast" in violations(reader.page)


def violations(page: Page) -> str:
    """What axe finds of the rules of WCAG 2 A and AA, and its own."""
    # It would fetch style sheets, which a page from the file system may not.
    result = Axe().run(page, options={"preload": False})
    return str(result.generate_report()) if result.violations_count else ""


def test_it_fits_a_narrow_screen(reader: Reader, site: Path) -> None:
    reader.page.set_viewport_size({"width": 390, "height": 800})
    for name in (
        "index.html",
        "events/offer_extended.html",
        "models/fct_offers.html",
        "boards/month_end_close.html",
    ):
        reader.page.goto((site / name).as_uri())
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= 390, name


@pytest.mark.every
def test_it_is_the_same_of_postgresql(
    site: Path, builds: dict[str, Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in builds["postgres"].environment.items():
        monkeypatch.setenv(name, value)
    build(tmp_path / "site", None, tmp_path / "dbt")
    for name in ("metrics/mrr.html", "boards/liquidity_review.html", "properties/role.html"):
        text = (site / name).read_text(encoding="utf-8")
        other = (tmp_path / "site" / name).read_text(encoding="utf-8")
        assert re.sub("<footer>.*</footer>", "", other) == re.sub("<footer>.*</footer>", "", text)
    page = (tmp_path / "site/models/int_candidacies.html").read_text(encoding="utf-8")
    assert re.search(r"Size</dt><dd>[\d,.]+ [kM]B", page)


@pytest.mark.every
def test_an_empty_warehouse_says_what_to_do(
    make_environment: MakeEnvironment, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in make_environment("duckdb", tmp_path).items():
            patch.setenv(name, value)
        with pytest.raises(SiteError, match="no models yet: build them with `dbt build`"):
            build(tmp_path / "site", None, tmp_path / "dbt")
    assert not (tmp_path / "site").exists()
