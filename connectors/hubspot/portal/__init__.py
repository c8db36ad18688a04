"""A behaving fake of HubSpot, written from its documentation; it knows no client."""
