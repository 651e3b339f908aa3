"""
The web application: `/metrics`, the health endpoints, the landing page, and the routes of the API.
"""
