"""Protocol clients, one per module; none of them imports Locust."""
