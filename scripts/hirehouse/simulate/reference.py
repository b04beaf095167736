"""What the simulated marketplace is made of: roles, locations, channels, plans, pages, names."""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def weekday(when: int) -> int:
    """The day of the week in UTC of milliseconds since 1970, Monday being 0."""
    return (when // DAY + 3) % 7  # 1970-01-01 was a Thursday


class Weighted(Generic[T]):
    """Draws one of its items by weight; several times as fast as `Random.choices`."""

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        self.items = list(items)
        self.bounds = list(accumulate(weights))
        self.total = self.bounds[-1]

    def draw(self, rng: Random) -> T:
        return self.items[bisect(self.bounds, rng.random() * self.total)]


def _words(text: str) -> Weighted[str]:
    """Words with their weights, as in "remote 4, onsite 1"."""
    items = [item.split() for item in text.split(", ")]
    return Weighted([name for name, _ in items], [int(weight) for _, weight in items])


# Share of a week's traffic by day, Monday first.
CANDIDATE_WEEK = (1.2, 1.25, 1.2, 1.1, 0.95, 0.55, 0.75)
EMPLOYER_WEEK = (1.2, 1.3, 1.3, 1.2, 0.9, 0.06, 0.04)
# Share of a day's traffic by hour, UTC: Europe's and America's working hours overlap.
_CANDIDATE_DAY = (2, 2, 1, 1, 1, 1, 2, 4, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 9, 8, 8, 7, 5, 3)
_EMPLOYER_DAY = (0, 0, 0, 0, 0, 0, 1, 3, 7, 9, 9, 8, 7, 9, 10, 10, 9, 8, 7, 6, 5, 3, 1, 0)
CANDIDATE_HOURS = Weighted(range(24), _CANDIDATE_DAY)
EMPLOYER_HOURS = Weighted(range(24), _EMPLOYER_DAY)


class Location(NamedTuple):
    name: str
    country: str
    currency: str
    pay: float  # salaries here in units of the currency, per US dollar paid in San Francisco


_LOCATIONS = (
    Location("San Francisco", "US", "USD", 1.0),
    Location("New York", "US", "USD", 0.96),
    Location("Austin", "US", "USD", 0.8),
    Location("Remote", "US", "USD", 0.78),
    Location("London", "GB", "GBP", 0.52),
    Location("Toronto", "CA", "CAD", 0.82),
    Location("Berlin", "DE", "EUR", 0.5),
    Location("Paris", "FR", "EUR", 0.45),
    Location("Amsterdam", "NL", "EUR", 0.5),
)
LOCATIONS = Weighted(_LOCATIONS, [18, 17, 7, 8, 18, 10, 9, 8, 5])


class Role(NamedTuple):
    name: str
    title: str
    salary: int  # yearly base in US dollars at mid level
    passing: float  # share that passes a stage
    stages: list[str]
    skills: list[str]


# Title, salary in thousands, passing, how many there are of it; stages; skills.
_ROLES = (
    ("Backend Engineer", 150, 0.6, 20, "phone coding backend onsite", "Go Java PostgreSQL"),
    ("Frontend Engineer", 140, 0.58, 14, "phone coding frontend final", "TypeScript React CSS"),
    ("Full-Stack Engineer", 145, 0.62, 16, "phone screening frontend backend final", "Ruby React"),
    ("Mobile Engineer", 145, 0.6, 6, "phone coding onsite", "Swift Kotlin Flutter"),
    ("Data Engineer", 150, 0.64, 9, "phone coding backend final", "dbt Airflow Spark Redshift"),
    ("Data Scientist", 152, 0.55, 7, "screening coding ml behavioral", "Python R statistics"),
    ("Machine Learning Engineer", 175, 0.54, 5, "phone coding ml onsite", "PyTorch CUDA Ray"),
    ("DevOps Engineer", 148, 0.65, 6, "phone check backend final", "Terraform Kubernetes AWS"),
    ("QA Engineer", 110, 0.66, 4, "phone coding behavioral", "Playwright pytest"),
    ("Engineering Manager", 190, 0.5, 3, "screening deep_check onsite behavioral final", "OKRs"),
    ("Product Manager", 155, 0.5, 5, "phone screening onsite behavioral final", "discovery"),
    ("Product Designer", 135, 0.55, 4, "phone onsite final", "Figma prototyping research"),
    ("Technical Writer", 105, 0.6, 1, "screening behavioral", "editing Markdown"),
)
_COMMON_SKILLS = ["git", "testing", "SQL", "Linux", "writing"]
# Stages that are no interviews; of checks the result decides.
_STAGES = {"phone": "phone_screen", "check": "background_check"}
_STAGES["deep_check"] = "extensive_background_check"


def _role(title: str, thousands: int, passing: float, stages: str, skills: str) -> Role:
    slug = title.lower().replace(" ", "_").replace("-", "_")
    name = "other" if slug == "technical_writer" else slug
    names = [_STAGES.get(stage, f"{stage}_interview") for stage in stages.split()]
    return Role(name, title, thousands * 1000, passing, names, skills.split() + _COMMON_SKILLS)


ROLES = Weighted([_role(*row[:3], *row[4:]) for row in _ROLES], [row[3] for row in _ROLES])
LEVELS = Weighted([("", 1.0), ("Senior ", 1.18), ("Staff ", 1.38), ("Junior ", 0.74)], [5, 4, 1, 1])


class Channel(NamedTuple):
    name: str
    lost: float  # visitors who never sign up, per sign-up
    quality: float  # odds of passing, 1 being average
    referrer: str  # where its links are
    campaign: str  # source, medium and name of what they belong to


_CHANNELS = (
    Channel("organic", 1.4, 1.0, "https://www.google.com/", ""),
    Channel("referral", 0.4, 1.2, "", "member referral invite-a-friend"),
    Channel("paid_search", 2.2, 0.95, "https://www.google.com/", "google cpc brand-and-role"),
    Channel("paid_social", 3.6, 0.8, "https://linkedin.com/", "linkedin paid_social engineers-q1"),
    Channel("job_board", 1.2, 0.88, "https://jobs.example.net/", "job_board listing always-on"),
    Channel("partner", 0.9, 1.08, "https://bootcamp.example.org/", "bootcamp partner alumni"),
    Channel("event", 0.5, 1.05, "", "meetup event spring-meetups"),
)
CANDIDATE_CHANNELS = Weighted(_CHANNELS, [32, 14, 16, 14, 13, 7, 4])
EMPLOYER_CHANNELS = Weighted(_CHANNELS, [30, 22, 15, 10, 3, 8, 12])

# Monthly list price in US cents, cheapest first.
PLANS = (("starter", 29_900), ("growth", 64_950), ("scale", 124_950), ("enterprise", 299_000))
PLAN_PRICE = {"USD": 1.0, "GBP": 0.8, "EUR": 0.92, "CAD": 1.35}  # the local one, per US dollar
PLAN_CHANGES = _words("none 69, upgraded 15, downgraded 7, cancelled 9")

INDUSTRIES = _words(
    "software 38, finance 17, health 12, retail 9, media 8, education 6, manufacturing 6, other 4"
)
EMPLOYEE_RANGES = ("1-10", "11-50", "51-200", "201-1000", "1001-5000", "5001+")
SIZES = Weighted(range(len(EMPLOYEE_RANGES)), [14, 30, 27, 17, 8, 4])
REMOTE = _words("hybrid 5, remote 4, onsite 1")
REVIEW_REASONS = _words("incomplete 8, experience 6, location 3, duplicate 1, other 2")
REQUEST_DECLINES = _words("salary 28, role 20, location 14, company 14, timing 18, other 6")
OFFER_DECLINES = _words(
    "salary 38, other_offer 26, location 8, company 9, role 6, timing 8, other 5"
)
ERASED_VIA = _words("app 7, email 4, letter 1")

SITE = "https://www.hirehouse.example"
CANDIDATE_PAGES = _words("home 5, how_it_works 3, salaries 3, blog_post 2")
EMPLOYER_PAGES = _words("employers 5, pricing 4, home 2")
MEMBER_PAGES = _words("positions 4, position 6, inbox 4, profile 2, salaries 1")
EXPERIMENTS = (  # with their variants, the control first
    ("short_sign_up_form", ("control", "short")),
    ("salary_first_home", ("control", "salary_first", "role_first")),
)
USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/18.1 Safari/605.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36",
)
# With letters outside ASCII on purpose: a varchar(n) counts bytes.
FIRST_NAMES = str.split("Ada Amir Anaïs Chloé Daniel Elif José Łukasz Mei Olga Søren Uma Zoë 李")
LAST_NAMES = str.split("Adeyemi Bauer García Haddad Ito Kaur López Müller O'Brien Xu Öztürk 娜")
COMPANY_NAMES = str.split("Acorn Beacon Cobalt Delta Ember Iris Lumen Quartz Vertex Ångström Café")
COMPANY_KINDS = ("Labs", "Systems", "Health", "Pay", "Works", "Data", "Robotics", "& Sons", "GmbH")
