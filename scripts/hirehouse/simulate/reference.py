"""What the simulated marketplace is made of: roles, locations, channels, plans, pages, names."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# Share of a week's traffic by day, Monday first.
CANDIDATE_WEEK = (1.2, 1.25, 1.2, 1.1, 0.95, 0.55, 0.75)
EMPLOYER_WEEK = (1.2, 1.3, 1.3, 1.2, 0.9, 0.06, 0.04)
# Share of a day's traffic by hour, UTC: Europe's and America's working hours overlap.
CANDIDATE_DAY = (2, 2, 1, 1, 1, 1, 2, 4, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 9, 8, 8, 7, 5, 3)
EMPLOYER_DAY = (0, 0, 0, 0, 0, 0, 1, 3, 7, 9, 9, 8, 7, 9, 10, 10, 9, 8, 7, 6, 5, 3, 1, 0)


class Weighted(Generic[T]):
    """Draws one of its items by weight; several times as fast as `Random.choices`."""

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        self.items = list(items)
        self.bounds = list(accumulate(weights))
        self.total = self.bounds[-1]

    def draw(self, rng: Random) -> T:
        return self.items[bisect(self.bounds, rng.random() * self.total)]


@dataclass(frozen=True)
class Location:
    """`pay`: yearly salaries here in units of `currency`, per US dollar paid in San Francisco."""

    name: str
    country: str
    currency: str
    pay: float


LOCATIONS = Weighted(
    [
        Location("San Francisco", "US", "USD", 1.0),
        Location("New York", "US", "USD", 0.96),
        Location("Austin", "US", "USD", 0.8),
        Location("Remote", "US", "USD", 0.78),
        Location("London", "GB", "GBP", 0.52),
        Location("Toronto", "CA", "CAD", 0.82),
        Location("Berlin", "DE", "EUR", 0.5),
        Location("Paris", "FR", "EUR", 0.45),
        Location("Amsterdam", "NL", "EUR", 0.5),
    ],
    [18, 17, 7, 8, 18, 10, 9, 8, 5],
)


@dataclass(frozen=True)
class Role:
    """`salary`: yearly base in US dollars at mid level; `passing`: share that passes a stage."""

    name: str
    title: str
    salary: int
    passing: float
    stages: list[str]
    skills: list[str]


CODE = "git, testing, code review, SQL, Linux"
# Name, title, salary, passing; stages; skills; and how many there are of the role.
# fmt: off
_ROLES: tuple[tuple[str, str, int, float, str, str, int], ...] = (
    ("backend_engineer", "Backend Engineer", 150_000, 0.6,
     "phone_screen, coding_interview, backend_interview, onsite_interview",
     f"Go, Python, Java, PostgreSQL, Kafka, {CODE}", 20),
    ("frontend_engineer", "Frontend Engineer", 140_000, 0.58,
     "phone_screen, coding_interview, frontend_interview, final_interview",
     f"TypeScript, React, Vue, CSS, accessibility, {CODE}", 14),
    ("full_stack_engineer", "Full-Stack Engineer", 145_000, 0.62,
     "phone_screen, screening_interview, frontend_interview, backend_interview, final_interview",
     f"TypeScript, Ruby, React, PostgreSQL, {CODE}", 16),
    ("mobile_engineer", "Mobile Engineer", 145_000, 0.6,
     "phone_screen, coding_interview, onsite_interview",
     f"Swift, Kotlin, React Native, {CODE}", 6),
    ("data_engineer", "Data Engineer", 150_000, 0.64,
     "phone_screen, coding_interview, backend_interview, final_interview",
     f"dbt, Airflow, Spark, Redshift, Python, {CODE}", 9),
    ("data_scientist", "Data Scientist", 152_000, 0.55,
     "screening_interview, coding_interview, ml_interview, behavioral_interview",
     "Python, R, statistics, causal inference, SQL", 7),
    ("machine_learning_engineer", "Machine Learning Engineer", 175_000, 0.54,
     "phone_screen, coding_interview, ml_interview, onsite_interview",
     f"PyTorch, Python, CUDA, Ray, {CODE}", 5),
    ("devops_engineer", "DevOps Engineer", 148_000, 0.65,
     "phone_screen, background_check, backend_interview, final_interview",
     f"Terraform, Kubernetes, AWS, Prometheus, {CODE}", 6),
    ("qa_engineer", "QA Engineer", 110_000, 0.66,
     "phone_screen, coding_interview, behavioral_interview",
     f"Playwright, pytest, test plans, {CODE}", 4),
    ("engineering_manager", "Engineering Manager", 190_000, 0.5,
     "screening_interview, extensive_background_check, onsite_interview, behavioral_interview, "
     "final_interview",
     "leadership, hiring, roadmaps, incident reviews", 3),
    ("product_manager", "Product Manager", 155_000, 0.5,
     "phone_screen, screening_interview, onsite_interview, behavioral_interview, final_interview",
     "discovery, roadmaps, SQL, writing", 5),
    ("product_designer", "Product Designer", 135_000, 0.55,
     "phone_screen, onsite_interview, final_interview",
     "Figma, prototyping, user research, design systems", 4),
    ("other", "Technical Writer", 105_000, 0.6,
     "screening_interview, behavioral_interview",
     "writing, editing, Markdown", 1),
)
# fmt: on
ROLES = Weighted(
    [
        Role(name, title, salary, passing, stages.split(", "), skills.split(", "))
        for name, title, salary, passing, stages, skills, _ in _ROLES
    ],
    [row[-1] for row in _ROLES],
)
# Stages without an interview: a check is made and its result decides.
CHECKS = ("background_check", "extensive_background_check")


@dataclass(frozen=True)
class Channel:
    """`lost`: visitors who never sign up, per sign-up; `quality`: odds of passing, 1 is average."""

    name: str
    lost: float
    quality: float
    referrer: str
    campaign: dict[str, str] | None


def _campaign(source: str, medium: str, name: str) -> dict[str, str]:
    return {"source": source, "medium": medium, "name": name}


SEARCH_ADS = _campaign("google", "cpc", "brand-and-role")
SOCIAL_ADS = _campaign("linkedin", "paid_social", "engineers-q1")
JOB_BOARD = _campaign("jobs.example.net", "listing", "always-on")
BOOTCAMP = _campaign("bootcamp", "partner", "alumni")

_CHANNELS = [
    Channel("organic", 1.4, 1.0, "https://www.google.com/", None),
    Channel("referral", 0.4, 1.2, "", _campaign("member", "referral", "invite-a-friend")),
    Channel("paid_search", 2.2, 0.95, "https://www.google.com/", SEARCH_ADS),
    Channel("paid_social", 3.6, 0.8, "https://www.linkedin.com/", SOCIAL_ADS),
    Channel("job_board", 1.2, 0.88, "https://jobs.example.net/", JOB_BOARD),
    Channel("partner", 0.9, 1.08, "https://bootcamp.example.org/", BOOTCAMP),
    Channel("event", 0.5, 1.05, "", _campaign("meetup", "event", "spring-meetups")),
]
CANDIDATE_CHANNELS = Weighted(_CHANNELS, [32, 14, 16, 14, 13, 7, 4])
EMPLOYER_CHANNELS = Weighted(_CHANNELS, [30, 22, 15, 10, 3, 8, 12])

# Monthly list price in US cents, cheapest first.
PLANS = (("starter", 29_900), ("growth", 64_950), ("scale", 124_950), ("enterprise", 299_000))
# Local price per US dollar; a list price, not an exchange rate.
PLAN_PRICE = {"USD": 1.0, "GBP": 0.8, "EUR": 0.92, "CAD": 1.35}

INDUSTRIES = Weighted(
    ["software", "finance", "health", "retail", "media", "education", "manufacturing", "other"],
    [38, 17, 12, 9, 8, 6, 6, 4],
)
EMPLOYEE_RANGES = ("1-10", "11-50", "51-200", "201-1000", "1001-5000", "5001+")
SIZES = Weighted(range(len(EMPLOYEE_RANGES)), [14, 30, 27, 17, 8, 4])

# name -> path and title. Position pages all have one name, as the page's contract asks.
PAGES = {
    "home": ("/", "Hire and get hired"),
    "how_it_works": ("/how-it-works", "How it works"),
    "salaries": ("/salaries", "Salaries by role and city"),
    "blog_post": ("/blog/negotiating-an-offer", "Negotiating an offer"),
    "sign_up": ("/sign-up", "Sign up"),
    "employers": ("/employers", "For employers"),
    "pricing": ("/pricing", "Pricing"),
    "positions": ("/positions", "Open positions"),
    "position": ("/positions/view", "A position"),
    "inbox": ("/inbox", "Your interview requests"),
    "profile": ("/profile", "Your profile"),
}
CANDIDATE_PAGES = Weighted(["home", "how_it_works", "salaries", "blog_post"], [5, 3, 3, 2])
EMPLOYER_PAGES = Weighted(["employers", "pricing", "home"], [5, 4, 2])
MEMBER_PAGES = Weighted(["positions", "position", "inbox", "profile", "salaries"], [4, 6, 4, 2, 1])

# name -> variants, the control first.
EXPERIMENTS = {
    "short_sign_up_form": ("control", "short"),
    "salary_first_home": ("control", "salary_first", "role_first"),
}
USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/18.1 Safari/605.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36",
)
# With letters outside ASCII on purpose: a varchar(n) counts bytes.
# fmt: off
FIRST_NAMES = (
    "Ada", "Amir", "Anaïs", "Chen", "Chloé", "Daniel", "Elif", "Emma", "Fatima", "Grace", "Hiro",
    "Ingrid", "Jamal", "José", "Kofi", "Lena", "Łukasz", "Mei", "Noah", "Olga", "Priya", "Quentin",
    "Rosa", "Søren", "Tariq", "Uma", "Viktor", "Wanjiru", "Zoë", "李",
)
LAST_NAMES = (
    "Adeyemi", "Bauer", "Castro", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ito",
    "Johnson", "Kaur", "López", "Müller", "Nguyen", "O'Brien", "Petrov", "Rossi", "Smith", "Tanaka",
    "Usman", "Virtanen", "Williams", "Xu", "Öztürk", "Zielińska", "娜",
)
COMPANY_NAMES = (
    "Acorn", "Beacon", "Cobalt", "Delta", "Ember", "Foundry", "Granite", "Harbor", "Iris",
    "Juniper", "Kestrel", "Lumen", "Meridian", "Nimbus", "Orchard", "Pioneer", "Quartz", "Rivet",
    "Sable", "Tandem", "Umbra", "Vertex", "Willow", "Zephyr", "Ångström", "Café",
)
# fmt: on
COMPANY_KINDS = ("Labs", "Systems", "Health", "Pay", "Works", "Data", "Robotics", "& Sons", "GmbH")
