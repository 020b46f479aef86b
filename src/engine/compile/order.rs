//! The order in which the rules and conditions of a segment are evaluated: cheap ones before expensive ones. The order
//! does not change whether they match, unless a flag is read, which may close a cycle. So a segment that reads flags
//! keeps its order.

use alloc::vec::Vec;

use crate::wire::context::{ConditionContext, RuleContext, SegmentContext};

/// A rule that is to be compiled.
pub(crate) struct Node<'a> {
    pub(crate) rule: &'a RuleContext,
    /// The number of its first condition: the place among the conditions of the segment, level by level, from 1.
    pub(crate) first_condition: usize,
    /// The places of its conditions in the rule.
    pub(crate) conditions: Vec<usize>,
    /// The rules in it, by their index.
    pub(crate) rules: Vec<usize>,
}

/// The rules of a segment, level by level in the segment's order, and the indices of those at the top level.
pub(crate) fn nodes(segment: &SegmentContext) -> (Vec<Node<'_>>, Vec<usize>) {
    let mut nodes: Vec<Node<'_>> = Vec::new();
    let mut number = 1;
    let mut pending: Vec<&RuleContext> = segment.rules.iter().collect();
    while let Some(rule) = pending.get(nodes.len()).copied() {
        nodes.push(Node {
            rule,
            first_condition: number,
            conditions: (0..rule.conditions.len()).collect(),
            rules: (pending.len()..pending.len() + rule.rules.len()).collect(),
        });
        number += rule.conditions.len();
        pending.extend(&rule.rules);
    }
    let mut top: Vec<usize> = (0..segment.rules.len()).collect();
    if !reads_flags(&nodes) {
        sort(&mut nodes, &mut top);
    }
    (nodes, top)
}

fn reads_flags(nodes: &[Node<'_>]) -> bool {
    let mut conditions = nodes.iter().flat_map(|node| &node.rule.conditions);
    conditions.any(|condition| condition.property.starts_with("$.flags"))
}

fn sort(nodes: &mut [Node<'_>], top: &mut [usize]) {
    let mut costs: Vec<usize> = nodes.iter().map(|_| 0).collect();
    // The rules within a rule come after it.
    for index in (0..nodes.len()).rev() {
        let node = &mut nodes[index];
        node.conditions.sort_by_key(|place| cost(&node.rule.conditions[*place]));
        node.rules.sort_by_key(|rule| costs[*rule]);
        let conditions: usize = node.rule.conditions.iter().map(cost).sum();
        costs[index] = conditions + node.rules.iter().map(|rule| costs[*rule]).sum::<usize>();
    }
    top.sort_by_key(|rule| costs[*rule]);
}

/// The approximate cost of evaluating a condition; comparing two numbers costs 1.
fn cost(condition: &ConditionContext) -> usize {
    match condition.operator.as_str() {
        "CONTAINS" | "NOT_CONTAINS" | "IN" => 4,
        "REGEX" => 10,
        "PERCENTAGE_SPLIT" => 20,
        _ => 1,
    }
}
