select
    cast(date_trunc('week', emails.created_at) as date) as delivered_week,
    emails.template,
    count(*) as delivered,
    count(distinct emails.user_id) as recipients,
    count(*) filter (
        where clicks.first_clicked_at < emails.created_at + interval '7 days'
    ) as clicked_within_7_days
from emails
left join (
    select email_id, min(created_at) as first_clicked_at
    from email_clicks
    group by email_id
) as clicks on emails.id = clicks.email_id
group by 1, 2
order by 1, 2
