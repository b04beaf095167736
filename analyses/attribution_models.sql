-- Which channels deserve the hires, by each attribution model?
select
    channel,
    sum(case when attribution_model = 'first' then share else 0 end) as first_touch,
    sum(case when attribution_model = 'last' then share else 0 end) as last_touch,
    sum(case when attribution_model = 'linear' then share else 0 end) as linear,
    sum(case when attribution_model = 'position_based' then share else 0 end) as position_based
from {{ ref('fct_attribution') }}
where conversion_kind = 'hire'
group by channel
order by linear desc, channel asc
