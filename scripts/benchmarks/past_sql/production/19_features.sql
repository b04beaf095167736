with uses as (
    select
        'candidate' as kind,
        'candidate_profile' as feature,
        candidate_id as account_id,
        created_at
    from candidate_profiles
    union all
    select 'candidate', 'availability', candidate_id, created_at from candidate_availabilities
    union all
    select 'candidate', 'application', candidate_id, created_at
    from candidacies
    where origin = 'application'
    union all
    select 'candidate', 'request_answer', candidacies.candidate_id, interview_requests.answered_at
    from interview_requests
    join candidacies on interview_requests.candidacy_id = candidacies.id
    where interview_requests.answered_at is not null
    union all
    select 'employer', 'position', employer_id, created_at from positions
    union all
    select 'employer', 'search', employer_id, created_at from searches
    union all
    select 'employer', 'profile_view', employer_id, created_at from profile_views
    union all
    select 'employer', 'interview_request', positions.employer_id, candidacies.created_at
    from candidacies
    join positions on candidacies.position_id = positions.id
    where candidacies.origin = 'interview_request'
),

weekly as (
    select
        cast(date_trunc('week', created_at) as date) as used_week,
        kind,
        feature,
        account_id,
        count(*) as uses
    from uses
    group by 1, 2, 3, 4
),

numbered as (
    select
        weekly.*,
        row_number() over (partition by kind, feature, account_id order by used_week) as place
    from weekly
)

select
    used_week,
    kind,
    feature,
    sum(uses) as uses,
    count(*) as accounts,
    count(*) filter (where place = 1) as new_accounts
from numbered
group by 1, 2, 3
order by 1, 2, 3
