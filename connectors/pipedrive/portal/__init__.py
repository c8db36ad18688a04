"""A company in Pipedrive that behaves as documented; it knows nothing of the connector."""
