"""How a database says that it cannot be used just now."""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

# Locked, unreachable, or all connections taken. The texts of these errors quote the statement and
# its values, so only their names are logged.
DATABASE_DOWN = (DBAPIError, PoolExhausted)
