{{ config(incremental_strategy='delete+insert', unique_key='invoice_id') }}

with

touched as (

    {{ touched_keys('invoice_id', ['stg_billing__placement_invoiced']) }}

),

first_invoiced as (

    {{ first_event('stg_billing__placement_invoiced', 'invoice_id', is_touched('invoice_id')) }}

),

invoices as (

    select
        invoice_id,
        candidacy_id,
        employer_id,
        occurred_at as invoiced_at,
        due_on,
        last_batch_id as batch_id
    from first_invoiced

)

select * from invoices
