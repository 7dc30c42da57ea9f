"""Who may sign in to the sandbox, and the people whom the sample sheets mention."""

from dataclasses import dataclass

COMPANY = "Halden Research Trust"

OWNER_TOKEN = "sandbox-token-owner"  # noqa: S105 - public by design
EDITOR_TOKEN = "sandbox-token-editor"  # noqa: S105 - public by design
VIEWER_TOKEN = "sandbox-token-viewer"  # noqa: S105 - public by design
OTHER_TOKEN = "sandbox-token-other"  # noqa: S105 - public by design
EXPIRED_TOKEN = "sandbox-token-expired"  # noqa: S105 - public by design


@dataclass(frozen=True, slots=True)
class User:
    """A person with a Smartsheet account in the sandbox."""

    id: int
    email: str
    first_name: str
    last_name: str
    title: str
    department: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


OWNER = User(4583614634583940, "ada.lindqvist@halden.example", "Ada", "Lindqvist", "Head of Programmes", "Programmes")
EDITOR = User(7205419372078212, "bruno.keller@halden.example", "Bruno", "Keller", "Programme Manager", "Programmes")
VIEWER = User(1576019837712260, "chiara.romano@halden.example", "Chiara", "Romano", "Finance Analyst", "Finance")
OTHER = User(9031840021546884, "dev.patel@northquay.example", "Dev", "Patel", "Operations Lead", "Operations")

USERS = {user.id: user for user in (OWNER, EDITOR, VIEWER, OTHER)}

_USER_BY_TOKEN = {OWNER_TOKEN: OWNER, EDITOR_TOKEN: EDITOR, VIEWER_TOKEN: VIEWER, OTHER_TOKEN: OTHER}

# Contacts without an account, as a real sheet has them.
PEOPLE = {
    "elif.demir@halden.example": "Elif Demir",
    "farid.haddad@halden.example": "Farid Haddad",
    "greta.nilsen@halden.example": "Greta Nilsen",
    "hugo.moreau@halden.example": "Hugo Moreau",
    "ines.carvalho@halden.example": "Inês Carvalho",
    "jonas.brandt@halden.example": "Jonas Brandt",
    "keiko.tanaka@halden.example": "Keiko Tanaka",
    "lucia.fernandez@halden.example": "Lucía Fernández",
    "marek.nowak@halden.example": "Marek Nowak",
    "nadia.osei@halden.example": "Nadia Osei",
} | {user.email: user.name for user in USERS.values()}


def find_user(token: str) -> User | None:
    """The user of a valid token; `None` for any other token, also for the expired one."""
    return _USER_BY_TOKEN.get(token)


def contact_name(email: str) -> str | None:
    """The display name that goes with an e-mail address, where it is known."""
    return PEOPLE.get(email.lower())
