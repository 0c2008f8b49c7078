"""Tools of the project itself: documents that are made from the code. Not part of the installed package."""
