"""A driving clip becomes controller translations and head poses."""
