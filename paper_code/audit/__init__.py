"""What the paper's own numbers prove by arithmetic, without data: see docs/reference/audit.md."""

from paper_code.audit.report import audit_page, column_findings, run_audit, themes

__all__ = ["audit_page", "column_findings", "run_audit", "themes"]
