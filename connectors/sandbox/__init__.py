"""What every tool's sandbox shares: clock, limits, faults, request log, control routes, server."""
