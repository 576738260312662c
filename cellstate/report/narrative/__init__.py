"""Every sentence that the product generates, by subject: functions of plain results."""
