with versions as (
    {{ raw_versions(
        source('raw_kantata', 'workspaces'), 'kantata', 'workspaces',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    title,
    archived as is_archived,
    cast(start_date as date) as start_date,
    cast(due_date as date) as due_date,
    currency,
    cast(price_in_cents as decimal(18, 4)) / 100 as price_amount,
    status_message,
    rate_card_id,
    primary_workspace_group_id as workspace_group_id,
    primary_maven_id as manager_user_id,
    cf_throughline_key as throughline_key,
    cf_opportunity_ref as opportunity_ref,
    cf_contract_ref as contract_ref,
    cf_legal_entity as legal_entity_code,
    cf_billing_method as billing_method,
    cf_service_line as service_line,
    cf_project_number as project_number,
    cast(cf_planned_hours as decimal(9, 4)) as planned_hours,
    {{ utc_instant('created_at') }} as created_at
from versions
