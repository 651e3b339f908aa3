"""
The Droids board: work, communication, output quality and usage of each droid.
"""
