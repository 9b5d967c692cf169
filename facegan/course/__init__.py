"""The exercises of the course: the table, the checks, the reference solutions, and grading."""
