-- Which features do employers and candidates use?
select
    account_kind,
    feature,
    sum(use_count) as uses,
    sum(new_account_count) as accounts
from {{ ref('feature_usage_weekly') }}
group by account_kind, feature
order by account_kind, uses desc, feature
