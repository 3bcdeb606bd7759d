-- What was earned is billed, or it is WIP; what was billed beyond it is overbilled. Work above a cap is neither.
select *
from {{ ref('kpi_unbilled_wip') }}
where abs(earned_amount - billed_amount - unbilled_amount + overbilled_amount) > 0.000001
    or (wip_rule = 'capped' and abs(worked_amount - earned_amount - over_cap_amount) > 0.000001)
    or unbilled_amount < 0
    or overbilled_amount < 0
