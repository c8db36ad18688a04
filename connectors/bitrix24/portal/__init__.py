"""A Bitrix24 portal that behaves as the documentation says. It knows no client."""
