"""A behaving fake of a Salesforce org, written from its documentation; it knows no client."""
