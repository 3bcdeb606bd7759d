{# A model's grain: no two rows agree in all of these columns (null equals null). #}
{% test unique_together(model, columns) %}
    select
        {{ columns | join(',\n        ') }},
        count(*) as n_rows
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
