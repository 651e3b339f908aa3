"""
The JSON API: parameters, answers, their OpenAPI document, and the service that computes them.
"""
