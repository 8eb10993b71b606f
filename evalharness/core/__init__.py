"""Values only: the words of the project as types. Imports nothing but the standard library."""
