"""What is wrong with an audit policy: findings with their place in the file."""

from scanner.assessment.policy_findings.reviewing import never_read, refused, review

__all__ = ["never_read", "refused", "review"]
