"""What the rules have still to look at."""

from sqlmodel import Field, SQLModel


class RulesDue(SQLModel, table=True):
    """Something that the rules listen to: a stream of a connection that brought a change, or the
    clock. `mark` is another one each time, so that what comes while they look is not taken for
    seen."""

    __tablename__ = "rules_due"

    subject: str = Field(primary_key=True)
    mark: str
