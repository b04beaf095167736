-- Emails by week and template: how many, to how many, and how many were clicked within 7 days
select delivered_week, template, delivered_count, recipient_count, clicked_in_7_days_count
from growth.email_performance_weekly
order by 1, 2
