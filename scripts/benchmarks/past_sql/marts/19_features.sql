-- Features used by week: how often, by how many accounts, and by how many for the first time
select used_week, account_kind, feature, use_count, account_count, new_account_count
from product.feature_usage_weekly
where feature <> 'employer_profile' -- production overwrites profiles of employers
order by 1, 2, 3
